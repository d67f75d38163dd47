import { describe, expect, test } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { night } from './nights.ts';

function planChecked(problem: PlanningProblem): Plan {
  const plan = planCell(problem);
  expect(checkPlan(problem, plan).findings).toEqual([]);
  return plan;
}

/** One car of 10 kW that needs one of two hours, 20 and 10 cents, and is there in the second with the given chance. */
function twoHours(there: number, missingEurPerKwh?: number): PlanningProblem {
  const car = { needKwh: 10, survival: [1, there] };
  return night([20, 10], { cars: [missingEurPerKwh === undefined ? car : { ...car, missingEurPerKwh }] });
}

describe('the expected cost', () => {
  test.each([
    { there: 1, kw: [0, 10] },
    // 0.10 saved against 0.15 chance of losing 0.60 - 0.10: less than it.
    { there: 0.85, kw: [0, 10] },
    { there: 0.75, kw: [10, 0] },
  ])('lets a car wait for the cheaper hour only while it is likely to be there: $there', ({ there, kw }) => {
    expect(planChecked(twoHours(there)).cars[0]?.chargeKw).toEqual(kw);
  });

  test('takes what missing energy is worth from the owner', () => {
    expect(planChecked(twoHours(0.75, 0.3)).cars[0]?.chargeKw).toEqual([0, 10]);
    expect(planChecked(twoHours(0.95, 3)).cars[0]?.chargeKw).toEqual([10, 0]);
  });

  test('never gains by a car’s being gone, however little its owner misses', () => {
    const cars = [{ needKwh: 10, survival: [1, 0.1], missingEurPerKwh: 0 }];
    expect(planChecked(night([10, 20], { cars })).cars[0]?.chargeKw).toEqual([10, 0]);
  });

  test('says what it expects to be missing', () => {
    const { figures } = planChecked(twoHours(0.85));
    expect(figures.chargeKwh).toBeCloseTo(8.5, 9);
    expect(figures.expectedMissingKwh).toBeCloseTo(1.5, 9);
    expect(figures.expectedMissingEur).toBeCloseTo(0.9, 9);
    expect(figures.costEur).toBeCloseTo(0.85 + 0.9, 9);
  });

  test('gives a shared limit to the car that may leave', () => {
    const cars = [{ needKwh: 10 }, { needKwh: 10, survival: [1, 0.5] }];
    const plan = planChecked(night([20, 10], { cars, limitKw: 10 }));
    expect(plan.cars.map((car) => car.chargeKw)).toEqual([
      [0, 10],
      [10, 0],
    ]);
  });

  test('does a shard only where it costs less than it is worth when it is late', () => {
    const cars = [{}];
    const worth = (lateEurPerShard: number): number => {
      const plan = planChecked(night([30], { cars, jobs: [{ lateEurPerShard }] }));
      return plan.jobs[0]?.expectedShards ?? NaN;
    };
    expect(worth(10)).toBe(1);
    expect(worth(0)).toBe(0);
  });
});
