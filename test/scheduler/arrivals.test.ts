import { HOUR_MS } from '../../domain/durations.ts';
import { describe, expect, test } from 'vitest';

import { fullestArrivals } from '../../scheduler/arrivals.ts';

const NOW_MS = Date.UTC(2026, 0, 30, 18);

function arrival(daysAgo: number, hour: number, kwh: number, feederId = 'street') {
  return { feederId, pluggedInMs: NOW_MS - daysAgo * 24 * HOUR_MS + hour * HOUR_MS, kwh };
}

const coming = (hours: number, kwh: number) => ({ inMs: hours * HOUR_MS, kwh });

describe('fullestArrivals', () => {
  test('are those of the day before on which most came in the next twelve hours', () => {
    const arrivals = [arrival(1, 2, 10), arrival(2, 1, 8), arrival(2, 11, 7), arrival(3, 5, 9)];
    expect(fullestArrivals(arrivals, NOW_MS)).toEqual(new Map([['street', [coming(1, 8), coming(11, 7)]]]));
  });

  test('look at no other time of day, no other month and nothing that is still to come', () => {
    const arrivals = [
      arrival(1, 13, 10),
      arrival(1, 23, 10),
      arrival(29, 2, 10),
      arrival(0, 1, 10),
      arrival(-3, 1, 10),
    ];
    expect(fullestArrivals(arrivals, NOW_MS)).toEqual(new Map());
  });

  test('keep feeders apart', () => {
    const arrivals = [arrival(1, 2, 10), arrival(1, 3, 4, 'yard')];
    expect(fullestArrivals(arrivals, NOW_MS)).toEqual(
      new Map([
        ['street', [coming(2, 10)]],
        ['yard', [coming(3, 4)]],
      ]),
    );
  });
});
