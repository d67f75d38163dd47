import { HOUR_MS } from '../domain/durations.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import { slotStartMs } from '../scheduler/time.ts';

/** How far ahead a plan is believed that far: later slots are planned again many times. */
const AHEAD_MS = 12 * HOUR_MS;

/** A car that will compute for a job, and when that begins by the plan. */
export interface PlannedUse {
  readonly jobId: string;
  readonly vehicleId: string;
  /** Grid time. */
  readonly firstMs: number;
}

/**
 * Which cars need the models of which jobs, and by when: those that the plan has compute, in a slot in which their class
 * and region are expected to work for the job.
 */
export function plannedUses(problem: PlanningProblem, plan: Plan): PlannedUse[] {
  const regionOf = new Map(problem.feeders.map(({ id, regionId }) => [id, regionId]));
  const carOf = new Map(problem.cars.map((car) => [car.id, car]));
  return plan.jobs.flatMap(({ jobId, expectedWork }) =>
    plan.cars.flatMap(({ carId, computeKw }): PlannedUse[] => {
      const car = carOf.get(carId);
      const work = expectedWork.find(
        ({ regionId, hardwareClass }) =>
          hardwareClass === car?.hardwareClass && regionId === regionOf.get(car.feederId),
      );
      const slot = work?.shards.findIndex((shards, index) => shards > 0 && (computeKw[index] ?? 0) > 0) ?? -1;
      if (slot < 0) return [];
      const firstMs = slotStartMs(plan.slots, slot);
      return firstMs < plan.slots.startMs + AHEAD_MS ? [{ jobId, vehicleId: carId, firstMs }] : [];
    }),
  );
}
