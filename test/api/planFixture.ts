import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import type { Queryable } from '../../store/database.ts';
import { savePlan } from '../../store/plans.ts';
import { CELL } from '../support/fleetFixture.ts';

const SLOT_MS = 15 * 60_000;

/** Stores the plan of a made-up night that begins now, with the jobs in it. */
export async function storePlan(database: Queryable, jobIds: readonly string[], cars = 12): Promise<void> {
  const startMs = Math.floor(Date.now() / SLOT_MS) * SLOT_MS;
  const night = planningProblemSchema.parse(randomProblem({ cars, slots: 64, feeders: 2, jobs: 0, seed: 3 }));
  const classes = night.hardwareClasses.map(({ id }) => ({ hardwareClass: id, shardMinutes: 10 }));
  const problem = planningProblemSchema.parse({
    ...night,
    slots: { ...night.slots, startMs },
    jobs: jobIds.map((id) => ({
      id,
      shardsRemaining: 6,
      classes,
      regionIds: night.regions.map((region) => region.id),
      windowStartSlot: 0,
      windowEndSlot: 60,
    })),
  });
  const createdAtMs = Date.now();
  await savePlan(database, {
    id: `plan/${createdAtMs}/${jobIds.join()}`,
    cellId: CELL.id,
    slotStartMs: startMs,
    createdAtMs,
    problem,
    plan: planCell(problem),
  });
}
