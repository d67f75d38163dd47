import { MINUTE_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';
import { profileIntervals } from '../../planning/planDispatch.ts';
import type { CarPlan, Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';

const plan: Plan = planCell(
  planningProblemSchema.parse(randomProblem({ cars: 2, slots: 8, feeders: 1, jobs: 0, seed: 1 })),
);
const startMs = plan.slots.startMs;
const car = (over: Partial<CarPlan>): CarPlan => ({
  carId: 'car',
  chargeKw: [7, 7, 0],
  computeKw: [0, 0.4, 0.4],
  startDelaySeconds: 0,
  reasons: [],
  ...over,
});
const drawn = (intervals: ReturnType<typeof profileIntervals>) =>
  intervals.map((i) => [(i.startMs - startMs) / MINUTE_MS, (i.endMs - startMs) / MINUTE_MS, i.chargeKw, i.computeKw]);

test('a profile holds the next slots, back to back', () => {
  expect(drawn(profileIntervals(plan, car({}), 3))).toEqual([
    [0, 15, 7, 0],
    [15, 30, 7, 0.4],
    [30, 45, 0, 0.4],
  ]);
});

test('a car whose start is spread waits at its old power', () => {
  expect(drawn(profileIntervals(plan, car({ startDelaySeconds: 120 }), 1))).toEqual([
    [0, 2, 0, 0],
    [2, 15, 7, 0],
  ]);
  expect(drawn(profileIntervals(plan, car({ startDelaySeconds: 120 }), 1, car({ chargeKw: [3] })))[0]).toEqual([
    0, 2, 3, 0,
  ]);
});
