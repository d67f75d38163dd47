import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { replan } from '../../scheduler/replan.ts';

process.on('message', ({ problem, previous }: { problem: PlanningProblem; previous: Plan | undefined }) => {
  process.send?.(previous ? replan(previous, problem) : planCell(problem));
});
// Without its parent nobody would ever ask again.
process.on('disconnect', () => process.exit());
