import { afterAll, beforeAll, expect, test } from 'vitest';

import { planCell } from '../../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { replan } from '../../../scheduler/replan.ts';
import type { Gather } from '../../../scheduler/solve/crew.ts';
import { startSolverThreads } from '../../../worker/control/solverCrew.ts';

const threads = startSolverThreads(2);
beforeAll(() => threads.ready);
afterAll(() => threads.close());

function crowded(cars: number, seed: number) {
  return planningProblemSchema.parse(randomProblem({ cars, slots: 24, feeders: 5, jobs: 3, seed, feederShare: 0.25 }));
}

/** The threads, and how often they were gathered and asked. */
function counted(): { readonly gather: Gather; readonly counts: { gathered: number; asked: number } } {
  const counts = { gathered: 0, asked: 0 };
  return {
    counts,
    gather: (blocks) => {
      counts.gathered++;
      const crew = threads.gather(blocks);
      return { ask: (name, askedOf) => (counts.asked++, crew.ask(name, askedOf)) };
    },
  };
}

test('threads make the plan that one makes, plan after plan', () => {
  const { gather, counts } = counted();
  for (const seed of [1]) {
    const problem = crowded(1_250, seed);
    const plan = planCell(problem, gather);
    expect(plan.method).toBe('decomposition');
    expect(plan).toEqual(planCell(problem));
    const dearer = {
      ...problem,
      regions: problem.regions.map((region) => ({ ...region, priceEurPerKwh: region.priceEurPerKwh.toReversed() })),
    };
    expect(replan(plan, dearer, gather)).toEqual(replan(plan, dearer));
  }
  expect(counts.gathered).toBeGreaterThanOrEqual(2);
  expect(counts.asked).toBeGreaterThan(20);
});

test('few cars are planned without them', () => {
  const problem = crowded(60, 3);
  expect(planCell(problem, threads.gather)).toEqual(planCell(problem));
});
