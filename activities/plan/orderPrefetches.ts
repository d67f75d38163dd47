import { MINUTE_MS } from '../../domain/durations.ts';
import { grouped } from '../../domain/grouped.ts';
import { modelKey } from '../../domain/modelOrders.ts';
import type { CellState } from '../../planning/cellState.ts';
import { plannedUses } from '../../planning/prefetches.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import type { Database } from '../../store/database.ts';
import { findModel } from '../../store/models.ts';
import { orderDownloads } from '../rollouts/orderDownloads.ts';

/** Of one feeder and hour, for models of planned work: as a roll-out's, unless its operator says otherwise. */
const BUDGET_BYTES = 20e9;
/** A car whose work begins at once fetches the model then, ordered or not. */
const SHORTEST_MS = 15 * MINUTE_MS;
/** Of one job and plan, those whose work begins first: the next plan has the others, and no plan waits long. */
const MAX_CARS = 2_000;

/**
 * Orders that cars fetch the models of the jobs that the plan has them compute for, before their work begins. Fetching is
 * no power to speak of: it needs no cheap hour, and the hour that it would wait for is the one in which it is needed.
 */
export async function orderPrefetches(
  database: Database,
  { jobs, vehicles, modelsOnCars }: CellState,
  { problem, plan }: { readonly problem: PlanningProblem; readonly plan: Plan },
  nowMs: number,
): Promise<void> {
  const models = new Map(jobs.map(({ jobId, model }) => [jobId, model]));
  const cars = new Map(vehicles.map((vehicle) => [vehicle.id, vehicle]));
  const cold = plannedUses(problem, plan).filter(({ jobId, vehicleId }) => {
    const model = models.get(jobId);
    return model && modelsOnCars.holders.get(modelKey(model))?.has(vehicleId) !== true;
  });
  for (const [jobId, uses] of grouped(cold, (use) => use.jobId)) {
    const ref = models.get(jobId);
    const model = ref && (await findModel(database, ref));
    if (!model) continue;
    const first = uses.toSorted((a, b) => a.firstMs - b.firstMs).slice(0, MAX_CARS);
    const needs = first.flatMap(({ vehicleId, firstMs }) => {
      const car = cars.get(vehicleId);
      const untilMs = Math.max(firstMs, nowMs + SHORTEST_MS);
      return car ? [{ vehicleId, regionId: car.regionId, feederId: car.feederId, untilMs }] : [];
    });
    await orderDownloads(database, model, needs, {
      reason: `planned work of ${jobId}`,
      budgetBytes: BUDGET_BYTES,
      offPeakOnly: false,
      nowMs,
      untilMs: Math.max(...needs.map(({ untilMs }) => untilMs)),
    });
  }
}
