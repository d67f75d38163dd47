import { afterAll, beforeAll, expect, test } from 'vitest';

import { compileProblem } from '../../../scheduler/compile.ts';
import { planningProblemSchema } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { createSetpoints } from '../../../scheduler/realise/setpoints.ts';
import type { Gather, Question } from '../../../scheduler/solve/crew.ts';
import { relax, type Relaxation } from '../../../scheduler/solve/relaxation.ts';
import { solveRelaxation } from '../../../scheduler/solve/solveRelaxation.ts';
import { startSolverThreads } from '../../../worker/control/solverCrew.ts';

const threads = startSolverThreads({ count: 2, minCars: 100 });
beforeAll(() => threads.ready);
afterAll(() => threads.close());

function crowded(cars: number, seed: number): Relaxation {
  const raw = randomProblem({ cars, slots: 96, feeders: 3, jobs: 3, seed, feederShare: 0.25 });
  const problem = compileProblem(planningProblemSchema.parse(raw));
  const layout = createSetpoints(problem.cars);
  return relax(problem, layout, new Float64Array(layout.chargeKw.length));
}

test('threads find the optimum that one finds, number for number, time after time', () => {
  const asked = new Set<Question>();
  const gather: Gather = (blocks) => {
    const crew = threads.gather(blocks);
    return {
      ask: (name, askedOf) => {
        asked.add(name);
        return crew.ask(name, askedOf);
      },
      tell: (name, told) => crew.tell(name, told),
    };
  };
  for (const seed of [1, 2]) {
    const relaxation = crowded(360, seed);
    const alone = solveRelaxation(relaxation);
    expect(alone.method).toBe('decomposition');
    expect(solveRelaxation(relaxation, undefined, gather)).toEqual(alone);
    const again = solveRelaxation(relaxation, alone.prices, gather);
    expect(again).toEqual(solveRelaxation(relaxation, alone.prices));
  }
  expect([...asked]).toEqual(expect.arrayContaining(['settle', 'follow', 'rents', 'beginAnswers', 'beside']));
});

test('few cars are planned without them', () => {
  const relaxation = crowded(60, 3);
  expect(solveRelaxation(relaxation, undefined, threads.gather)).toEqual(solveRelaxation(relaxation));
});
