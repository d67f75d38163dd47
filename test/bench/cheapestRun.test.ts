import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { cheapestRun } from '../../bench/letsWaitAwhile/cheapestRun.ts';

const series = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 40 });

describe('cheapestRun', () => {
  test('takes the earliest of equal runs', () => {
    expect(cheapestRun([5, 1, 1, 1, 5], { from: 0, until: 5 }, 2)).toEqual({ from: 1, until: 3 });
  });

  test('stays inside the range', () => {
    expect(cheapestRun([0, 5, 6, 5, 0], { from: 1, until: 4 }, 2)).toEqual({ from: 1, until: 3 });
  });

  test('refuses a range that is too short', () => {
    expect(() => cheapestRun([1, 2], { from: 0, until: 2 }, 3)).toThrow(/3 slots does not fit into the slots \[0, 2\)/);
  });

  test('is no dearer than any other run', () => {
    fc.assert(
      fc.property(series, fc.nat(40), (cost, wanted) => {
        const count = Math.min(Math.max(1, wanted), cost.length);
        const total = (from: number): number => cost.slice(from, from + count).reduce((sum, value) => sum + value, 0);
        const run = cheapestRun(cost, { from: 0, until: cost.length }, count);
        for (let from = 0; from + count <= cost.length; from++) {
          expect(total(run.from)).toBeLessThanOrEqual(total(from));
        }
      }),
    );
  });
});
