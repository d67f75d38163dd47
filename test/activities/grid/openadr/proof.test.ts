import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';

import { baselineOf } from '../../../../activities/grid/openadr/baseline.ts';
import { reportWindows } from '../../../../activities/grid/openadr/reportPlan.ts';
import { energyWithin } from '../../../../activities/grid/openadr/slotEnergy.ts';
import { occurrencesOf, spanOf } from '../../../../activities/grid/openadr/timing.ts';
import { wireEventSchema } from '../../../../activities/grid/openadr/wire.ts';

const SLOT_MS = 15 * MINUTE_MS;

describe('the baseline', () => {
  // Tuesday 2026-03-31, two days after the clocks went forward in Berlin: 20:00 there is 18:00 UTC, before it 19:00.
  const START_MS = Date.parse('2026-03-31T18:00:00Z');
  const event = { startMs: START_MS, endMs: START_MS + HOUR_MS };
  const common = { event, slotMs: SLOT_MS, timeZone: 'Europe/Berlin', otherEvents: [] };

  /** 1 kWh a slot from 20:00 to 21:00 on Berlin's clock, 0.5 in the four hours before, on each of the days back. */
  function history(daysBack: readonly number[]): Map<number, number> {
    const energy = new Map<number, number>();
    for (const back of daysBack) {
      const isSummerTime = back < 2;
      const eveningMs = START_MS - back * DAY_MS + (isSummerTime ? 0 : HOUR_MS);
      for (let slot = 0; slot < 4; slot++) energy.set(eveningMs + slot * SLOT_MS, 1);
      for (let slot = -16; slot < 0; slot++) energy.set(eveningMs + slot * SLOT_MS, 0.5);
    }
    return energy;
  }
  const today = (kwh: number) =>
    Array.from({ length: 16 }, (_, slot) => [START_MS - (slot + 1) * SLOT_MS, kwh] as const);
  const total = ({ slots }: { slots: ReadonlyMap<number, number> }) => energyWithin(slots, event, SLOT_MS);

  test('is the mean of ten like days at the same time on the wall clock', () => {
    const energy = new Map([...history(Array.from({ length: 30 }, (_, index) => index + 1)), ...today(0.5)]);
    const baseline = baselineOf({ ...common, energy });
    expect(baseline).toMatchObject({ method: 'caiso_10_in_10', methodText: expect.stringContaining('10 like days') });
    expect(total(baseline)).toBeCloseTo(4);
  });

  test('is adjusted by the hours before the event, within 20 %', () => {
    const past = history(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(total(baselineOf({ ...common, energy: new Map([...past, ...today(0.55)]) }))).toBeCloseTo(4.4);
    expect(total(baselineOf({ ...common, energy: new Map([...past, ...today(5)]) }))).toBeCloseTo(4.8);
    expect(total(baselineOf({ ...common, energy: new Map([...past, ...today(0)]) }))).toBeCloseTo(3.2);
  });

  test('leaves out days with other events', () => {
    const energy = new Map([...history([1, 4, 5, 6, 7, 8]), ...today(0.5)]);
    expect(baselineOf({ ...common, energy }).method).toBe('caiso_10_in_10');
    const otherEvents = [1, 4].map((back) => ({
      startMs: START_MS - back * DAY_MS,
      endMs: START_MS - back * DAY_MS + 1,
    }));
    expect(baselineOf({ ...common, energy, otherEvents }).method).toBe('naesb_meter_before_meter_after');
  });

  test('is the hour before the event when there are too few days', () => {
    const baseline = baselineOf({ ...common, energy: new Map(today(0.75)) });
    expect(baseline.method).toBe('naesb_meter_before_meter_after');
    expect(total(baseline)).toBeCloseTo(3);
  });
});

describe('report windows', () => {
  const START_MS = Date.parse('2026-02-10T00:00:00Z');

  /** `0: 5,6 @2`: name's end, interval ids, hour at which it is due. */
  function drawn(
    descriptor: Record<string, unknown>,
    over: { nowHours?: number; firstSeenHours?: number; count?: number } = {},
  ) {
    const { nowHours = 100, firstSeenHours = -1, count = 4 } = over;
    const event = wireEventSchema.parse({
      id: 'e',
      programID: 'p',
      intervalPeriod: { start: '2026-02-10T00:00:00Z', duration: 'PT1H' },
      intervals: Array.from({ length: count }, (_, index) => ({
        id: 5 + index,
        payloads: [{ type: 'SIMPLE', values: [1, 0] }],
      })),
      reportDescriptors: [{ payloadType: 'USAGE', ...descriptor }],
    });
    const span = spanOf(event, 0, 's') ?? { startMs: START_MS, endMs: START_MS };
    const occurrences = count === 0 ? [] : occurrencesOf(event, 0, 's', span);
    const [asked] = event.reportDescriptors;
    if (!asked) throw new Error('no descriptor');
    const windows = reportWindows({
      eventId: 'e',
      descriptor: asked,
      index: 0,
      occurrences,
      total: occurrences.length,
      firstSeenMs: START_MS + firstSeenHours * HOUR_MS,
      nowMs: START_MS + nowHours * HOUR_MS,
      slotMs: SLOT_MS,
    });
    expect(new Set(windows.map(({ name }) => name)).size).toBe(windows.length);
    return windows.map(
      ({ name, dueMs, intervals }) =>
        `${name.split('/').at(-1)}: ${intervals.map(({ id }) => id).join(',')} @${(dueMs - START_MS) / HOUR_MS}`,
    );
  }

  test.each<[string, Record<string, unknown>, string[]]>([
    ['a bare descriptor is one report after the last interval', {}, ['0: 5,6,7,8 @4']],
    ['a forecast is sent at its start', { historical: false }, ['0: 5,6,7,8 @0']],
    ['a start interval is the first of the window', { startInterval: 1, numIntervals: 2 }, ['1: 6,7 @3']],
    ['the last intervals', { numIntervals: 1 }, ['3: 8 @4']],
    [
      'one for each interval',
      { startInterval: 0, numIntervals: 1, repeat: -1 },
      ['0: 5 @1', '1: 6 @2', '2: 7 @3', '3: 8 @4'],
    ],
    ['two of them', { startInterval: 0, numIntervals: 1, repeat: 2 }, ['0: 5 @1', '1: 6 @2']],
    ['every second', { startInterval: 0, numIntervals: 1, frequency: 2, repeat: -1 }, ['0: 5 @1', '2: 7 @3']],
    [
      'a frequency as a duration',
      { startInterval: 0, numIntervals: 1, frequency: 'PT2H', repeat: -1 },
      ['0: 5 @1', '2: 7 @3'],
    ],
    [
      'sub-intervals repeat the id',
      { startInterval: 0, numIntervals: 1, reportIntervals: 'SUB_INTERVALS' },
      ['0: 5,5 @1'],
    ],
    [
      'open intervals are ours',
      { startInterval: 0, numIntervals: 1, reportIntervals: 'OPEN_INTERVALS' },
      ['0: 0,1,2,3 @1'],
    ],
  ])('%s', (_, descriptor, expected) => {
    expect(drawn(descriptor)).toEqual(expected);
  });

  test('the next one that is due is told, not those after it', () => {
    const each = { startInterval: 0, numIntervals: 1, repeat: -1 };
    expect(drawn(each, { nowHours: 1.5 })).toEqual(['0: 5 @1', '1: 6 @2']);
  });

  test('what was over at first sight comes as one', () => {
    const each = { startInterval: 0, numIntervals: 1, repeat: -1 };
    expect(drawn(each, { firstSeenHours: 2.5 })).toEqual(['1-late: 5,6 @2', '2: 7 @3', '3: 8 @4']);
  });
});
