import { afterEach, expect, test } from 'vitest';
import { planningProblemSchema, type PlanningProblem } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { startPlanner, type Planner } from '../../../worker/control/planner.ts';

let planner: Planner | undefined;
afterEach(() => planner?.close());

const problem: PlanningProblem = planningProblemSchema.parse(
  randomProblem({ cars: 20, slots: 24, feeders: 2, jobs: 1, seed: 1 }),
);

test('plans beside the event loop', async () => {
  planner = startPlanner(20_000);
  const [first, second] = await Promise.all([planner.plan(problem, undefined), planner.plan(problem, undefined)]);
  expect(first.cars).toHaveLength(20);
  expect(second).toEqual(first);
});

test('a solver past its limit fails that plan, and the next one has a new solver', async () => {
  planner = startPlanner(1);
  await expect(planner.plan(problem, undefined)).rejects.toThrow('ran past its 1 ms');
  await planner.close();
  planner = startPlanner(20_000);
  // No problem at all: the solver throws, and the process dies with it.
  await expect(planner.plan(JSON.parse('{"slots":{}}'), undefined)).rejects.toThrow('the solver ended');
  expect((await planner.plan(problem, undefined)).cars).toHaveLength(20);
});
