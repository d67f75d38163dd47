import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learnStay, placeOfArrival, PLACES, survivalCurve, type Habit } from '../../scheduler/survival.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// The epoch began on a Thursday; these tests live in UTC.
const localHourOf = (atMs: number) => ({
  hour: Math.floor(atMs / HOUR_MS) % 24,
  weekday: ((Math.floor(atMs / DAY_MS) + 3) % 7) + 1,
});
const MONDAY = 4 * DAY_MS;
const hourly = (over: Partial<Parameters<typeof survivalCurve>[0]>): number[] =>
  survivalCurve({
    habit: {},
    place: 'home',
    pluggedInMs: MONDAY + 17 * HOUR_MS,
    fromMs: MONDAY + 24 * HOUR_MS,
    stepMs: HOUR_MS,
    count: 11,
    localHourOf,
    ...over,
  });

describe('the prior', () => {
  test('of a home is what was measured of cars that were there at midnight', () => {
    const curve = hourly({});
    for (const [hours, measured] of [
      [1, 0.991],
      [3, 0.984],
      [5, 0.973],
      [6, 0.952],
      [7, 0.827],
      [8, 0.609],
      [10, 0.423],
    ] as const) {
      expect(curve[hours]).toBeCloseTo(measured, 2);
    }
  });

  test('of a workplace falls much faster', () => {
    const at = { pluggedInMs: MONDAY + 8 * HOUR_MS, fromMs: MONDAY + 8 * HOUR_MS };
    expect(hourly({ ...at, place: 'work' })[4]).toBeLessThan(0.6 * (hourly({ ...at, place: 'home' })[4] ?? 0));
  });

  test('is chosen by the arrival', () => {
    expect(placeOfArrival({ hour: 8, weekday: 2 })).toBe('work');
    expect(placeOfArrival({ hour: 8, weekday: 6 })).toBe('home');
    expect(placeOfArrival({ hour: 17, weekday: 2 })).toBe('home');
  });
});

/** Twenty weekday nights from 17:00 to the hour. */
function nights(leavesAtHour: number): Habit {
  let habit: Habit = {};
  for (let week = 0; week < 4; week++) {
    for (let day = 0; day < 5; day++) {
      const pluggedInMs = MONDAY + (week * 7 + day) * DAY_MS + 17 * HOUR_MS;
      habit = learnStay(habit, { pluggedInMs, unpluggedMs: pluggedInMs + (7 + leavesAtHour) * HOUR_MS }, localHourOf);
    }
  }
  return habit;
}

describe('a car’s own stays', () => {
  test('move the curve from the prior to the habit', () => {
    const early = hourly({ habit: nights(4) });
    const late = hourly({ habit: nights(10) });
    expect(early[4]).toBeLessThan(0.35);
    expect(late[8]).toBeGreaterThan(0.8);
    expect(late[9]).toBeGreaterThan(0.7);
  });
});

test('a curve begins at 1, falls, and stays above 0, whatever was learned', () => {
  const stay = fc.record({
    pluggedInMs: fc.integer({ min: 0, max: 30 * DAY_MS }),
    lengthMs: fc.integer({ min: 1, max: 4 * DAY_MS }),
  });
  fc.assert(
    fc.property(fc.array(stay, { maxLength: 30 }), fc.constantFrom(...PLACES), (stays, place) => {
      let habit: Habit = {};
      for (const { pluggedInMs, lengthMs } of stays) {
        habit = learnStay(habit, { pluggedInMs, unpluggedMs: pluggedInMs + lengthMs }, localHourOf);
      }
      const curve = hourly({ habit, place, stepMs: HOUR_MS / 4, count: 96 });
      expect(curve[0]).toBe(1);
      curve.forEach((value, step) => {
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(curve[step - 1] ?? 1);
      });
    }),
  );
});
