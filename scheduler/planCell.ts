import { compileProblem } from './compile.ts';
import { placePlan } from './placePlan.ts';
import type { Plan } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { createHeadroom } from './realise/headroom.ts';
import { minimumCharge } from './realise/placeCharge.ts';
import { createSetpoints } from './realise/setpoints.ts';
import type { Gather } from './solve/crew.ts';
import { relax, type Relaxation } from './solve/relaxation.ts';
import { solveRelaxation } from './solve/solveRelaxation.ts';

/**
 * Plans charging and compute of a cell: kW per car and slot, whole shards per (job, region, class, slot).
 *
 * Rules in their order: the grid's limits; owners' minimum SoC, then ready-by; job deadlines by priority; cost plus
 * carbon. What cannot be met is in `unmet` with the limits that bind, and the rest is planned all the same.
 * @param problem as `planningProblemSchema` accepts it; anything else throws a RangeError
 * @param gather who works on blocks of feeders; left out, this thread does
 */
export function planCell(problem: PlanningProblem, gather?: Gather): Plan {
  const { relaxation, minimumKw } = readRelaxation(problem);
  const solved = solveRelaxation(relaxation, undefined, gather);
  return placePlan(problem, relaxation, minimumKw, solved);
}

/** Reads a problem into its relaxation; owners' minimums are placed first and are not part of what is optimised. */
export function readRelaxation(problem: PlanningProblem): {
  readonly relaxation: Relaxation;
  /** What owners' minimums take at once, in the layout of setpoints. */
  readonly minimumKw: Float64Array;
} {
  const compiled = compileProblem(problem);
  const layout = createSetpoints(compiled.cars);
  const minimumKw = minimumCharge(compiled, layout, createHeadroom(compiled, undefined));
  return { relaxation: relax(compiled, layout, minimumKw), minimumKw };
}
