import { fullestArrivals, type Arrival } from '../scheduler/arrivals.ts';
import { READY_BY_MARGIN_MINUTES, withEarlyReadyBy } from '../scheduler/earlyReadyBy.ts';
import { withEarlyWindows } from '../scheduler/earlyWindows.ts';
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

/** A problem as its owners and submitters were promised, and with ready-bys and windows brought forward. */
export interface EarlyProblem {
  readonly promised: PlanningProblem;
  readonly early: PlanningProblem;
}

/** The planner's problem with ready-bys and windows brought forward so that promises keep. */
export function earlyProblem(parts: ProblemParts): EarlyProblem {
  const promised = planningProblemSchema.parse(parts.promised);
  const marginSlots = Math.round(READY_BY_MARGIN_MINUTES / promised.slots.slotMinutes);
  const arriving = fullestArrivals(parts.arrivals, promised.slots.startMs);
  return { promised, early: withEarlyWindows(withEarlyReadyBy(promised, { marginSlots, arriving }), marginSlots) };
}

/**
 * The early problem with what was promised for some cars and jobs, since they could not be ready as early.
 * @returns undefined where none of them was brought forward: it would be the early problem once more
 */
export function asPromised({ promised, early }: EarlyProblem, ids: ReadonlySet<string>): PlanningProblem | undefined {
  let isSame = true;
  const kept = <Row extends { readonly id: string }>(
    rows: readonly Row[],
    before: readonly Row[],
    endOf: (row: Row) => number,
  ): Row[] =>
    rows.map((row, index) => {
      const was = before[index];
      if (!was || !ids.has(row.id) || endOf(row) === endOf(was)) return row;
      isSame = false;
      return was;
    });
  const cars = kept(early.cars, promised.cars, ({ readyBySlot }) => readyBySlot);
  const jobs = kept(early.jobs, promised.jobs, ({ windowEndSlot }) => windowEndSlot);
  return isSame ? undefined : { ...early, cars, jobs };
}
