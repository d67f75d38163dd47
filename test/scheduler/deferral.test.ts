import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cheapestRun, cheapestSlots, slotsOf, totalCost } from '../../scheduler/deferral.ts';

const series = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 40 });

describe('cheapestSlots', () => {
  it('takes the earlier of equal slots and stays inside the range', () => {
    expect(cheapestSlots([0, 3, 1, 1, 1, 0], { from: 1, until: 5 }, 2)).toEqual([2, 3]);
  });

  it('takes the whole range when it is shorter than the work', () => {
    expect(cheapestSlots([1, 2], { from: 0, until: 2 }, 5)).toEqual([0, 1]);
  });

  it('leaves no cheaper slot unused', () => {
    fc.assert(
      fc.property(series, fc.nat(40), (cost, count) => {
        const taken = new Set(cheapestSlots(cost, { from: 0, until: cost.length }, count));
        expect(taken.size).toBe(Math.min(count, cost.length));
        const dearest = Math.max(...[...taken].map((slot) => cost[slot] ?? 0));
        for (const [slot, value] of cost.entries()) if (!taken.has(slot)) expect(value).toBeGreaterThanOrEqual(dearest);
      }),
    );
  });
});

describe('cheapestRun', () => {
  it('takes the earliest of equal runs', () => {
    expect(cheapestRun([5, 1, 1, 1, 5], { from: 0, until: 5 }, 2)).toEqual({ from: 1, until: 3 });
  });

  it('refuses a range that is too short', () => {
    expect(() => cheapestRun([1, 2], { from: 0, until: 2 }, 3)).toThrow(/3 slots does not fit into the slots \[0, 2\)/);
  });

  it('is no dearer than any other run, and never cheaper than pausing', () => {
    fc.assert(
      fc.property(series, fc.nat(40), (cost, wanted) => {
        const count = Math.min(Math.max(1, wanted), cost.length);
        const range = { from: 0, until: cost.length };
        const total = totalCost(cost, slotsOf(cheapestRun(cost, range, count)));
        for (let from = 0; from + count <= cost.length; from++) {
          expect(total).toBeLessThanOrEqual(totalCost(cost, slotsOf({ from, until: from + count })));
        }
        expect(totalCost(cost, cheapestSlots(cost, range, count))).toBeLessThanOrEqual(total);
      }),
    );
  });
});
