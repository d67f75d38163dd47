import { MINUTE_MS } from '../../../domain/durations.ts';
import type { Plan } from '../../../scheduler/plan.ts';
import type { PlanningProblem } from '../../../scheduler/problem.ts';
import { slotStartMs } from '../../../scheduler/time.ts';
import type { Database } from '../../../store/database.ts';
import { latestPlan } from '../../../store/plans.ts';
import { energyWithin } from './slotEnergy.ts';
import type { TimeSpan } from './timing.ts';

interface Planned {
  readonly plan: Plan;
  readonly problem: PlanningProblem;
}

/** Energy that is planned within a span, at the plug; null where the plan does not reach. */
export type PlannedEnergy = (span: TimeSpan) => number | null;

export async function planOf(database: Database, cellId: string): Promise<Planned | undefined> {
  return latestPlan<PlanningProblem, Plan>(database, cellId);
}

export function plannedEnergy(planned: Planned | undefined, feederIds: readonly string[]): PlannedEnergy {
  if (!planned) return () => null;
  const { plan, problem } = planned;
  const { slots } = plan;
  const ours = new Set(problem.cars.filter(({ feederId }) => feederIds.includes(feederId)).map(({ id }) => id));
  const cars = plan.cars.filter(({ carId }) => ours.has(carId));
  const energy = new Map(
    Array.from({ length: slots.count }, (_, slot) => {
      const kw = cars.reduce((sum, car) => sum + (car.chargeKw[slot] ?? 0) + (car.computeKw[slot] ?? 0), 0);
      return [slotStartMs(slots, slot), (kw * slots.slotMinutes) / 60] as const;
    }),
  );
  const startMs = slotStartMs(slots, 0);
  const endMs = slotStartMs(slots, slots.count);
  return (span) =>
    span.startMs < startMs || span.endMs > endMs ? null : energyWithin(energy, span, slots.slotMinutes * MINUTE_MS);
}
