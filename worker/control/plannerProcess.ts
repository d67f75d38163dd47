import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';

process.on('message', ({ problem }: { problem: PlanningProblem }) => {
  process.send?.(planCell(problem));
});
// Without its parent nobody would ever ask again.
process.on('disconnect', () => process.exit());
