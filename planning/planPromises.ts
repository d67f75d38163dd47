import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import { planningProblem, type ProblemParts } from './planningProblem.ts';

/**
 * Plans cars to be ready and jobs to be done early. For those that cannot be, plans again with what was promised: the
 * margin is there to keep promises, and what is ready in time must not be reported as late.
 * @param solve gives a plan, or one that was kept since the solver failed: that is not asked for again
 */
export async function planPromises<Solved extends { readonly plan: Plan; readonly fallback?: string | undefined }>(
  parts: ProblemParts,
  solve: (problem: PlanningProblem) => Promise<Solved> | Solved,
): Promise<Solved & { readonly problem: PlanningProblem }> {
  const early = planningProblem(parts);
  const planned = await solve(early);
  const late = planned.plan.unmet.filter(({ kind }) => kind !== 'minimum_soc').map(({ id }) => id);
  if (late.length === 0 || planned.fallback !== undefined) return { ...planned, problem: early };
  const problem = planningProblem(parts, new Set(late));
  return { ...(await solve(problem)), problem };
}
