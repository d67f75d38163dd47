import { arrivingKwh, type Arrival } from '../scheduler/arrivals.ts';
import { DEPARTURE_RISK, READY_BY_MARGIN_MINUTES, withEarlyReadyBy } from '../scheduler/earlyReadyBy.ts';
import { planningProblemSchema, type PlanningProblem, type PlanningProblemInput } from '../scheduler/problem.ts';
import { lookupOf } from './cellLookup.ts';
import type { CellState } from './cellState.ts';
import { planningCar, planningClasses, planningJob } from './fleetProblem.ts';
import { planningFeeder, planningRegion } from './gridProblem.ts';

/** How a cell weighs what has no market price. */
export interface CellWeights {
  readonly carbonEurPerKg: number;
  /** A kWh that a car leaves without, unless its owner says what it is worth. */
  readonly missingEurPerKwh: number;
}

/** A problem as promised, and what is still to come to its feeders. */
export interface ProblemParts {
  readonly promised: PlanningProblemInput;
  readonly arrivals: Iterable<Arrival>;
}

/** The cell's state as the planner's problem, with ready-bys as they were promised. */
export function partsOfCell(state: CellState, { carbonEurPerKg, missingEurPerKwh }: CellWeights): ProblemParts {
  const cell = lookupOf(state);
  return {
    promised: {
      slots: state.axis,
      regions: state.regions.map((region) => planningRegion(state, region)),
      feeders: state.feeders.map((feeder) => planningFeeder(state, feeder)),
      hardwareClasses: planningClasses(state),
      cars: state.openSessions.flatMap((session) => planningCar(cell, session, missingEurPerKwh) ?? []),
      jobs: state.jobs.filter((job) => !job.paused).flatMap((job) => planningJob(state, job) ?? []),
      weights: { carbonEurPerKg },
    },
    arrivals: state.arrivals,
  };
}

/**
 * The planner's problem with ready-bys brought forward so that promises keep.
 * @param asPromised cars that could not be ready as early: theirs stay as they were promised
 */
export function planningProblem(parts: ProblemParts, asPromised: ReadonlySet<string> = new Set()): PlanningProblem {
  const promised = planningProblemSchema.parse(parts.promised);
  const early = withEarlyReadyBy(promised, {
    marginSlots: Math.round(READY_BY_MARGIN_MINUTES / promised.slots.slotMinutes),
    departureRisk: DEPARTURE_RISK,
    arrivingKwh: arrivingKwh(parts.arrivals, promised.slots.startMs),
  });
  const cars = early.cars.map((car, index) => (asPromised.has(car.id) ? (promised.cars[index] ?? car) : car));
  return { ...early, cars };
}
