import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyHabit, readHabit, storedHabit, type Habit } from '../../scheduler/habit.ts';
import { learnStay, placeOfArrival, PLACES, survivalCurve, type Place } from '../../scheduler/survival.ts';

// The epoch began on a Thursday; these tests live in UTC.
const localHourOf = (atMs: number) => ({
  hour: Math.floor(atMs / HOUR_MS) % 24,
  weekday: ((Math.floor(atMs / DAY_MS) + 3) % 7) + 1,
});
const MONDAY = 4 * DAY_MS;
const hourly = (over: Partial<Parameters<typeof survivalCurve>[0]>): number[] =>
  survivalCurve({
    car: emptyHabit(),
    site: emptyHabit(),
    place: 'home',
    statedMs: undefined,
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

  test('of a home holds no car that has only just come for one that stays the night', () => {
    const lateMs = MONDAY + 26 * HOUR_MS;
    expect(hourly({ pluggedInMs: lateMs, fromMs: lateMs })[1]).toBeCloseTo(0.93);
    expect(hourly({ fromMs: lateMs })[1]).toBeCloseTo(0.996);
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

interface Known {
  readonly car: Habit;
  readonly site: Habit;
}
const UNKNOWN: Known = { car: emptyHabit(), site: emptyHabit() };

function learn(
  known: Known,
  pluggedInMs: number,
  hours: number,
  over: { readonly statedMs?: number; readonly place?: Place } = {},
): Known {
  const { statedMs, place = 'home' } = over;
  const unpluggedMs = pluggedInMs + hours * HOUR_MS;
  return learnStay({ ...known, place, pluggedInMs, unpluggedMs, statedMs, localHourOf });
}

/** Twenty weekday nights from 17:00 to the hour. */
function nights(leavesAtHour: number): Known {
  let known = UNKNOWN;
  for (let day = 0; day < 26; day++) {
    if (day % 7 < 5) known = learn(known, MONDAY + day * DAY_MS + 17 * HOUR_MS, 7 + leavesAtHour);
  }
  return known;
}

describe('ended stays', () => {
  test('move the curve from the prior to the car’s habit', () => {
    const early = hourly(nights(4));
    const late = hourly(nights(10));
    expect(early[4]).toBeLessThan(0.4);
    expect(late[8]).toBeGreaterThan(0.8);
    expect(late[9]).toBeGreaterThan(0.7);
  });

  test('move the curve of a car that was never seen to that of its neighbours, not as far', () => {
    const { car, site } = nights(4);
    const [unseen, seen, prior] = [hourly({ site }), hourly({ car, site }), hourly({})].map((curve) => curve[5] ?? 0);
    expect(seen).toBeLessThan(unseen ?? 0);
    expect(unseen).toBeLessThan(0.8 * (prior ?? 0));
  });

  test('leave doubt while they are few: one long stay is no promise', () => {
    const once = learn(UNKNOWN, MONDAY + 17 * HOUR_MS, 24);
    expect(hourly(once)[10]).toBeLessThan(0.75);
  });

  test('say what a stated time is worth: nothing where nobody keeps to it, much where all do', () => {
    let [kept, ignored] = [UNKNOWN, UNKNOWN];
    for (let day = 0; day < 40; day++) {
      const pluggedInMs = MONDAY + day * DAY_MS + 9 * HOUR_MS;
      const hours = 3 + (day % 5);
      kept = learn(kept, pluggedInMs, hours, { place: 'work', statedMs: pluggedInMs + hours * HOUR_MS });
      ignored = learn(ignored, pluggedInMs, hours, { place: 'work', statedMs: pluggedInMs + 8 * HOUR_MS });
    }
    const fromMs = MONDAY + 70 * DAY_MS + 9 * HOUR_MS;
    const after5h = (known: Known, statedHours: number): number =>
      hourly({ ...known, place: 'work', pluggedInMs: fromMs, fromMs, statedMs: fromMs + statedHours * HOUR_MS })[5] ??
      0;
    expect(after5h(kept, 7)).toBeGreaterThan(after5h(kept, 4) + 0.4);
    expect(Math.abs(after5h(ignored, 12) - after5h(ignored, 9))).toBeLessThan(0.2);
  });
});

const stay = fc.record({
  pluggedInMs: fc.integer({ min: 0, max: 30 * DAY_MS }),
  hours: fc.double({ min: 0.001, max: 96, noNaN: true }),
  statedMs: fc.option(fc.integer({ min: 0, max: 35 * DAY_MS }), { nil: undefined }),
});
const learned = fc
  .array(stay, { maxLength: 30 })
  .map((stays) =>
    stays.reduce(
      (known, { pluggedInMs, hours, statedMs }) =>
        learn(known, pluggedInMs, hours, statedMs === undefined ? {} : { statedMs }),
      UNKNOWN,
    ),
  );

test('gives curves that begin at 1, fall, and stay above 0, whatever was learned', () => {
  fc.assert(
    fc.property(learned, fc.constantFrom(...PLACES), (known, place) => {
      const curve = hourly({ ...known, place, stepMs: HOUR_MS / 4, count: 96 });
      expect(curve[0]).toBe(1);
      curve.forEach((value, step) => {
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(curve[step - 1] ?? 1);
      });
    }),
  );
});

describe('a stored habit', () => {
  test('is read as it was written, to a thousandth of an hour', () => {
    fc.assert(
      fc.property(learned, (known) => {
        const read = readHabit(JSON.parse(JSON.stringify(storedHabit(known.car))));
        const [before, after] = [hourly(known), hourly({ ...known, car: read })];
        after.forEach((value, hour) => expect(value).toBeCloseTo(before[hour] ?? 0, 2));
      }),
    );
  });

  test('of the first form is still understood', () => {
    const restless = readHabit({ '3/0/week': [20, 15], '3/1/week': [20, 15], '3/99/week': [1, 1] });
    expect(hourly({ car: restless })[2]).toBeLessThan(0.6 * (hourly({})[2] ?? 0));
  });

  test('that cannot be read counts as none', () => {
    for (const stored of [null, 'x', { version: 3 }, { kinds: [1] }, { '3/0/week': 'x' }]) {
      expect(hourly({ car: readHabit(stored) })).toEqual(hourly({}));
    }
  });
});
