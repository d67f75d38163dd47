import fc from 'fast-check';
import { expect, test } from 'vitest';

import { compileProblem } from '../../../scheduler/compile.ts';
import { planningProblemSchema } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { createSetpoints } from '../../../scheduler/realise/setpoints.ts';
import { relax, type Relaxation } from '../../../scheduler/solve/relaxation.ts';
import { solveRelaxation } from '../../../scheduler/solve/solveRelaxation.ts';

const CLASSES = ['hw3', 'ai4', 'ai5'];
/** Relative speeds of the classes: the same for all jobs, so that shards factor into a part of each. */
const SPEED = [1, 2, 6];

/** Feeders with room for all, and jobs that run on the given classes, by their numbers. */
function roomy(jobs: readonly (readonly number[])[]): Relaxation {
  const raw = randomProblem({ cars: 30, slots: 16, feeders: 1, jobs: jobs.length, seed: 3, feederShare: 4 });
  for (const [j, job] of (raw.jobs ?? []).entries()) {
    job.shardsRemaining = 5;
    job.classes = (jobs[j] ?? []).map((h) => ({
      hardwareClass: CLASSES[h] ?? '',
      shardMinutes: (30 * (1 + j)) / (SPEED[h] ?? 1),
    }));
  }
  const problem = compileProblem(planningProblemSchema.parse(raw));
  const layout = createSetpoints(problem.cars);
  return relax(problem, layout, new Float64Array(layout.chargeKw.length));
}

test('a class whose speed follows from a later job is known all the same', () => {
  expect(solveRelaxation(roomy([[1], [0, 1]])).method).toBe('cap_free');
});

test('whatever classes jobs run on, speeds that factor are found', () => {
  const classes = fc.subarray([0, 1, 2], { minLength: 1 });
  fc.assert(
    fc.property(fc.array(classes, { minLength: 1, maxLength: 5 }), (jobs) => {
      const solved = solveRelaxation(roomy(jobs));
      expect(solved.method).toBe('cap_free');
      expect(solved.costEur - solved.lowerBoundEur).toBeLessThan(1e-6 * (1 + solved.costEur));
    }),
    { numRuns: 40 },
  );
});
