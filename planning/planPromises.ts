import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import { asPromised, earlyProblem, type ProblemParts } from './planningProblem.ts';

/**
 * Plans cars to be ready and jobs to be done early. For those that cannot be, plans again with what was promised: the
 * margin is there to keep promises, and what is ready in time must not be reported as late.
 * @param solve gives a plan, or one that was kept since the solver failed: that is not asked for again
 */
export async function planPromises<Solved extends { readonly plan: Plan; readonly fallback?: string | undefined }>(
  parts: ProblemParts,
  solve: (problem: PlanningProblem) => Promise<Solved> | Solved,
): Promise<Solved & { readonly problem: PlanningProblem }> {
  const both = earlyProblem(parts);
  const planned = await solve(both.early);
  const late = planned.plan.unmet.filter(({ kind }) => kind !== 'minimum_soc').map(({ id }) => id);
  const problem = planned.fallback === undefined ? asPromised(both, new Set(late)) : undefined;
  if (!problem) return { ...planned, problem: both.early };
  return { ...(await solve(problem)), problem };
}
