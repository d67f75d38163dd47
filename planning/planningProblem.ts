import { arrivingKwh } from '../scheduler/arrivals.ts';
import { DEPARTURE_RISK, READY_BY_MARGIN_MINUTES, withEarlyReadyBy } from '../scheduler/earlyReadyBy.ts';
import { planningProblemSchema, type PlanningProblem } from '../scheduler/problem.ts';
import type { CellState } from './cellState.ts';
import { planningCar, planningClasses, planningJob } from './fleetProblem.ts';
import { planningFeeder, planningRegion } from './gridProblem.ts';

/**
 * The cell's state as the planner's problem, with ready-bys brought forward so that promises keep.
 * @param asPromised cars that could not be ready as early: theirs stay as they were promised
 */
export function planningProblem(
  state: CellState,
  carbonEurPerKg: number,
  asPromised: ReadonlySet<string> = new Set(),
): PlanningProblem {
  const promised = planningProblemSchema.parse({
    slots: state.axis,
    regions: state.regions.map((region) => planningRegion(state, region)),
    feeders: state.feeders.map((feeder) => planningFeeder(state, feeder)),
    hardwareClasses: planningClasses(state),
    cars: state.openSessions.flatMap((session) => planningCar(state, session) ?? []),
    jobs: state.jobs.filter((job) => !job.paused).flatMap((job) => planningJob(state, job) ?? []),
    weights: { carbonEurPerKg },
  });
  const early = withEarlyReadyBy(promised, {
    marginSlots: Math.round(READY_BY_MARGIN_MINUTES / state.axis.slotMinutes),
    departureRisk: DEPARTURE_RISK,
    arrivingKwh: arrivingKwh(state.arrivals, state.axis.startMs),
  });
  const cars = early.cars.map((car, index) => (asPromised.has(car.id) ? (promised.cars[index] ?? car) : car));
  return { ...early, cars };
}
