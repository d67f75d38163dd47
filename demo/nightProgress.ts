import { gridTimeMs } from '../domain/clock.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { Progress } from './console/progressText.ts';
import { acceptedTotals } from '../store/acceptedShards.ts';
import type { Batch } from '../store/batches.ts';
import type { Cell } from '../store/cells.ts';
import type { Database } from '../store/database.ts';
import { listMeterIntervals } from '../store/meters.ts';
import { latestPlan } from '../store/plans.ts';
import type { TimeWindow } from '../store/signals.ts';
import { listVehicleStates } from '../store/vehicleStates.ts';

/** Where the night is now. */
export async function nightProgress(
  database: Database,
  cell: Cell,
  batch: Batch,
  window: TimeWindow,
): Promise<Progress> {
  const states = await listVehicleStates(database, cell.id);
  const meter = await listMeterIntervals(database, cell.id, window);
  const latest = await latestPlan<PlanningProblem, Plan>(database, cell.id);
  const { handovers } = await acceptedTotals(database, batch.id);
  const sum = (kind: 'chargingKwh' | 'computeKwh'): number =>
    meter.reduce((total, interval) => total + interval[kind], 0);
  return {
    atMs: gridTimeMs(cell.clock, Date.now()),
    answered: batch.completed + batch.failed,
    total: batch.total,
    carsPluggedIn: states.filter((state) => state.pluggedIn).length,
    carsComputing: latest?.plan.cars.filter((car) => (car.computeKw[0] ?? 0) > 0).length ?? 0,
    chargingKwh: sum('chargingKwh'),
    computeKwh: sum('computeKwh'),
    handovers,
  };
}
