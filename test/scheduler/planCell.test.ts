import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import { planSchema } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';

const nights = fc.record({
  cars: fc.integer({ min: 0, max: 30 }),
  slots: fc.integer({ min: 1, max: 60 }),
  feeders: fc.integer({ min: 1, max: 4 }),
  jobs: fc.integer({ min: 0, max: 4 }),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  feederShare: fc.double({ min: 0, max: 1, noNaN: true }),
  meanCelsius: fc.integer({ min: -10, max: 45 }),
});

describe('planCell', () => {
  test('gives a plan that the checker accepts, whatever the night', () => {
    fc.assert(
      fc.property(nights, (night) => {
        const problem = planningProblemSchema.parse(randomProblem(night));
        const plan = planSchema.parse(planCell(problem));
        expect(checkPlan(problem, plan).findings).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
