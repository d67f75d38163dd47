import { DAY_MS } from '../domain/durations.ts';
import type { HardwareClassSpec } from '../domain/hardwareClasses.ts';
import { ARRIVAL_DAYS } from '../scheduler/arrivals.ts';
import type { Plan } from '../scheduler/plan.ts';
import { readHabit, type Habit } from '../scheduler/habit.ts';
import type { SlotAxis } from '../scheduler/time.ts';
import { slotStartMs } from '../scheduler/time.ts';
import { listArrivedEnergy, type ArrivedEnergy } from '../store/arrivals.ts';
import { listForeignLoads } from '../store/chargePoints.ts';
import { listChargeCycles, type ChargeCycle } from '../store/chargeCycles.ts';
import { listClassSpeeds, type ClassSpeed } from '../store/classSpeeds.ts';
import type { Database } from '../store/database.ts';
import { listHardwareClasses } from '../store/hardwareClasses.ts';
import { listHabits } from '../store/habits.ts';
import { listFeeders, type Feeder } from '../store/feeders.ts';
import { readJobPricing, type JobPricing } from '../store/jobPricing.ts';
import { listOpenJobs, type OpenJob } from '../store/jobProgress.ts';
import { listOpenParkingSessions, type ParkingSession } from '../store/parkingSessions.ts';
import { latestMadePlan } from '../store/plans.ts';
import { listRegions, type Region } from '../store/regions.ts';
import { readModelsOnCars, type ModelsOnCars } from '../store/modelOrders.ts';
import { listRolloutFamilies, type RolloutFamily } from '../store/rollouts.ts';
import { readSignals, type SignalSpan } from '../store/signals.ts';
import { listHeldVehicles } from '../store/vehicleClaims.ts';
import { listVehicles, type Vehicle } from '../store/vehicles.ts';
import { listWakes, type WakeAttempt } from '../store/wakes.ts';
import { listVehicleStates, type VehicleState } from '../store/vehicleStates.ts';

/** Everything that a plan rests on, as PostgreSQL has it at one moment. */
export interface CellState {
  readonly axis: SlotAxis;
  readonly regions: readonly Region[];
  readonly feeders: readonly Feeder[];
  readonly signals: readonly SignalSpan[];
  readonly hardwareClasses: readonly HardwareClassSpec[];
  readonly vehicles: readonly Vehicle[];
  readonly vehicleStates: readonly VehicleState[];
  /** Cars whose telemetry contradicts itself. */
  readonly distrusted: ReadonlySet<string>;
  /** How long cars have stayed, by car and by feeder; absent where no stay has ended. */
  readonly habits: { readonly cars: ReadonlyMap<string, Habit>; readonly feeders: ReadonlyMap<string, Habit> };
  /** Wake-ups under way and those that failed. */
  readonly wakes: readonly WakeAttempt[];
  /** How charging was switched so far, also in stays that have ended. */
  readonly chargeCycles: readonly ChargeCycle[];
  readonly openSessions: readonly ParkingSession[];
  /** What cars asked for at plug-in in the days before. */
  readonly arrivals: readonly ArrivedEnergy[];
  readonly jobs: readonly OpenJob[];
  /** What their work is priced by. */
  readonly jobPricing: ReadonlyMap<string, JobPricing>;
  readonly classSpeeds: readonly ClassSpeed[];
  /** Roll-outs that cars take part in, by car. */
  readonly rolloutFamilies: ReadonlyMap<string, readonly RolloutFamily[]>;
  /** Of the models of open jobs. */
  readonly modelsOnCars: ModelsOnCars;
  /** What cars that are not enrolled draw at our chargers, kW by feeder. */
  readonly foreignLoadKw: ReadonlyMap<string, number>;
  /** The newest plan of an earlier slot, or of this slot made earlier. */
  readonly previous: Plan | undefined;
}

const HORIZON_SLOTS = 96;

/** Reads the state that a plan from `slotStartMs` (grid time) on rests on. */
export async function readCellState(
  database: Database,
  cell: { readonly id: string; readonly slotMinutes: number },
  slotStart: number,
): Promise<CellState> {
  const axis: SlotAxis = { startMs: slotStart, slotMinutes: cell.slotMinutes, count: HORIZON_SLOTS };
  const horizon = { startMs: axis.startMs, endMs: slotStartMs(axis, axis.count) };
  // One snapshot: a car that plugs in between two reads would be in one list and not in the other.
  return database.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    const regions = await listRegions(tx, cell.id);
    const signals: SignalSpan[] = [];
    for (const region of regions) signals.push(...(await readSignals(tx, region.id, horizon)));
    const jobs = await listOpenJobs(tx, cell.id);
    return {
      axis,
      regions,
      signals,
      feeders: await listFeeders(tx, cell.id),
      hardwareClasses: await listHardwareClasses(tx),
      vehicles: await listVehicles(tx, cell.id),
      vehicleStates: await listVehicleStates(tx, cell.id),
      distrusted: await listHeldVehicles(tx, cell.id, [
        'telemetry_not_trusted',
        'work_not_trusted',
        'quarantined',
        'excluded_by_operator',
      ]),
      habits: await listHabits(tx, cell.id, readHabit),
      wakes: await listWakes(tx, cell.id),
      chargeCycles: await listChargeCycles(tx, cell.id),
      openSessions: await listOpenParkingSessions(tx, cell.id),
      arrivals: await listArrivedEnergy(tx, cell.id, { startMs: slotStart - ARRIVAL_DAYS * DAY_MS, endMs: slotStart }),
      jobs,
      jobPricing: await readJobPricing(tx, jobs),
      classSpeeds: await listClassSpeeds(tx),
      rolloutFamilies: await listRolloutFamilies(tx, cell.id),
      modelsOnCars: await readModelsOnCars(tx, cell.id),
      foreignLoadKw: await listForeignLoads(tx, cell.id),
      previous: (await latestMadePlan<Plan>(tx, cell.id))?.plan,
    };
  });
}
