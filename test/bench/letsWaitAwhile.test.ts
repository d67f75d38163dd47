import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { nextWorkday, semiWeekly } from '../../bench/letsWaitAwhile/deadlines.ts';
import { readCarbonSeries, readJobs } from '../../bench/letsWaitAwhile/files.ts';
import { pausableEmissions } from '../../bench/letsWaitAwhile/pausable.ts';
import { deferralSavings } from '../../bench/letsWaitAwhile/savings.ts';

const utc = (text: string): number => Date.parse(`${text}:00Z`);
const MONDAY = utc('2020-01-06T00:00');

function carbonText(stepMinutes: number, rows: number, gPerKwh: (minute: number) => number): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const at = new Date(MONDAY + row * stepMinutes * 60_000).toISOString().slice(0, 19).replace('T', ' ');
    return `${at},${gPerKwh(row * stepMinutes)}`;
  });
  return ['Time,Carbon Intensity', ...lines, ''].join('\n');
}

describe('deadlines', () => {
  test.each([
    ['within working hours: no slack', '2020-01-06T14:30', '2020-01-06T14:30'],
    ['at the end of working hours: no slack', '2020-01-06T17:00', '2020-01-06T17:00'],
    ['evening: next morning', '2020-01-06T17:30', '2020-01-07T09:00'],
    ['night: that morning', '2020-01-07T03:00', '2020-01-07T09:00'],
    ['Friday evening: Saturday, as published', '2020-01-10T18:00', '2020-01-11T09:00'],
    ['Saturday: Monday', '2020-01-11T11:00', '2020-01-13T09:00'],
    ['Saturday before opening: Monday', '2020-01-11T03:00', '2020-01-13T09:00'],
    ['Sunday: Monday', '2020-01-12T20:00', '2020-01-13T09:00'],
  ])('next workday, %s', (_, finish, deadline) => {
    expect(nextWorkday(utc(finish))).toBe(utc(deadline));
  });

  test.each([
    ['Monday before nine: the same day', '2020-01-06T08:30', '2020-01-06T09:00'],
    ['Monday at nine: at once', '2020-01-06T09:00', '2020-01-06T09:00'],
    ['Monday after nine: Thursday', '2020-01-06T09:30', '2020-01-09T09:00'],
    ['Thursday after nine: Monday', '2020-01-09T09:30', '2020-01-13T09:00'],
  ])('semi-weekly, %s', (_, finish, deadline) => {
    expect(semiWeekly(utc(finish))).toBe(utc(deadline));
  });
});

describe('readCarbonSeries', () => {
  test('keeps the rows at the half hours of a quarter-hourly file', () => {
    const { carbon, fileStepMinutes } = readCarbonSeries(
      carbonText(15, 8, (minute) => minute),
      'ci.csv',
      MONDAY,
    );
    expect([...carbon.gPerKwh]).toEqual([0, 30, 60, 90]);
    expect(fileStepMinutes).toBe(15);
  });

  test('holds each row of an hourly file for two half hours', () => {
    const { carbon, stepsFilled } = readCarbonSeries(
      carbonText(60, 3, (minute) => minute),
      'ci.csv',
      MONDAY,
    );
    expect([...carbon.gPerKwh]).toEqual([0, 0, 60, 60, 120, 120]);
    expect(stepsFilled).toBe(0);
  });

  test('fills a hole with the row before it and says so', () => {
    const lines = carbonText(30, 4, (minute) => minute).split('\n');
    lines.splice(2, 1);
    const { carbon, stepsFilled } = readCarbonSeries(lines.join('\n'), 'ci.csv', MONDAY);
    expect([...carbon.gPerKwh]).toEqual([0, 0, 60, 90]);
    expect(stepsFilled).toBe(1);
  });

  test('names the line that is out of order', () => {
    const lines = carbonText(30, 3, () => 1).split('\n');
    lines.splice(2, 0, lines[3] ?? '');
    expect(() => readCarbonSeries(lines.join('\n'), 'ci.csv', MONDAY)).toThrow(
      'ci.csv line 4, column "Time": times must ascend.',
    );
  });
});

describe('readJobs', () => {
  test('names a duration that is no whole number of steps', () => {
    expect(() => readJobs('id,arrival_min,duration_min\n0,60,45\n', 'jobs.csv', MONDAY)).toThrow(
      'jobs.csv line 2, column "duration_min": 45 is not a whole number of steps of 30 minutes.',
    );
  });
});

describe('pausableEmissions', () => {
  test('is the sum of the cleanest steps of the window', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 900, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        (gPerKwh, wanted) => {
          const steps = 1 + (wanted % gPerKwh.length);
          const cleanest = gPerKwh.toSorted((a, b) => a - b).slice(0, steps);
          const least = cleanest.reduce((sum, value) => sum + value, 0);
          expect(pausableEmissions(gPerKwh, MONDAY, 30, steps)).toBeCloseTo(least, 6);
        },
      ),
    );
  });
});

describe('deferralSavings', () => {
  // Monday 9:00 to Thursday 9:00, 2 g by day (6:00 to 18:00) and 1 g by night.
  const { carbon } = readCarbonSeries(
    carbonText(30, 48 * 9, (minute) => (minute % 1440 >= 360 && minute % 1440 < 1080 ? 2 : 1)),
    'ci.csv',
    MONDAY,
  );

  test('moves a job that ends at night, and pauses it over the day', () => {
    // 14:00 to 3:00: 8 steps at 2 g and 18 at 1 g. Until 9:30, one step later, a run covers the night with 2 steps by day.
    const jobs = readJobs('arrival_min,duration_min\n840,780\n', 'jobs.csv', MONDAY);
    const savings = deferralSavings(carbon, jobs);
    expect(savings.baselineGPerKwhSteps).toBe(7 * 2 + 19);
    expect(savings.nextWorkday.nonInterrupting).toBeCloseTo(100 * (1 - (2 * 2 + 24) / 33), 9);
    // Until Thursday there are nights enough.
    expect(savings.semiWeekly.interrupting).toBeCloseTo(100 * (1 - 26 / 33), 9);
  });

  test('leaves out jobs that may end behind the series', () => {
    const jobs = readJobs('arrival_min,duration_min\n840,780\n12900,60\n', 'jobs.csv', MONDAY);
    expect(deferralSavings(carbon, jobs)).toMatchObject({ jobs: 1, jobsBeyondSeries: 1 });
  });
});
