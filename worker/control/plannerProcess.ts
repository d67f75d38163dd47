import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { replan } from '../../scheduler/replan.ts';
import { startSolverThreads } from './solverCrew.ts';

const { gather } = startSolverThreads();

process.on('message', ({ problem, previous }: { problem: PlanningProblem; previous: Plan | undefined }) => {
  process.send?.(previous ? replan(previous, problem, gather) : planCell(problem, gather));
});
// Without its parent nobody would ever ask again.
process.on('disconnect', () => process.exit());
