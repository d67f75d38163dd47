import type { ComingArrival } from './arrivals.ts';
import { leastLaxityFirst, type Done } from './leastLaxityFirst.ts';
import type { PlanningProblem } from './problem.ts';

/** What may come between a plan and its promises. */
export interface ReadyByCare {
  /** Cars are planned to be ready so many slots before their ready-by, and may wait so long where the feeder is free. */
  readonly marginSlots: number;
  /** What may still arrive on each feeder (`fullestArrivals`); a feeder left out expects nobody. */
  readonly arriving: ReadonlyMap<string, readonly ComingArrival[]>;
}

/** What a running cell and the backtest take. */
export const READY_BY_MARGIN_MINUTES = 60;

const ROUNDING_KWH = 1e-6;

/**
 * The same problem with ready-bys brought forward, so that a late arrival breaks no promise: by a margin; and on a
 * feeder whose cars can no longer all wait for as long as the margin, to the slot in which least-laxity-first charging
 * would be done with each. They can wait where everybody is ready in time even if for that long only those charge that
 * must, and then all that may arrive does. Never to before the slot of least-laxity-first, so that cars which could be ready in time
 * stay so, nor to after the promise. A car that such charging cannot make ready keeps its ready-by.
 * @param problem as `planningProblemSchema` accepts it, with ready-bys as promised; not changed
 * @returns a problem that shares everything else with the given one
 */
export function withEarlyReadyBy(problem: PlanningProblem, { marginSlots, arriving }: ReadyByCare): PlanningProblem {
  const done = leastLaxityFirst(problem);
  const urgent = urgentFeeders(problem, marginSlots, arriving);
  return {
    ...problem,
    cars: problem.cars.map((car, index) => {
      const { doneBy: earliest = Infinity, promisedSlot: promised = 0 } = done[index] ?? {};
      if (car.needKwh <= ROUNDING_KWH || earliest >= promised) return car;
      return {
        ...car,
        readyBySlot: urgent.has(car.feederId) ? earliest : Math.max(earliest, promised - marginSlots),
      };
    }),
  };
}

/** Feeders on which a wait would break a promise that charging at once keeps. */
function urgentFeeders(
  problem: PlanningProblem,
  waitSlots: number,
  arriving: ReadyByCare['arriving'],
): ReadonlySet<string> {
  const atOnce = leastLaxityFirst(problem, { waitSlots: 0, arriving });
  const afterWait = leastLaxityFirst(problem, { waitSlots, arriving });
  const broken = atOnce.filter((done, index) => inTime(done) && !inTime(afterWait[index] ?? done));
  return new Set(broken.map(({ feederId }) => feederId));
}

function inTime({ doneBy, promisedSlot }: Done): boolean {
  return doneBy <= promisedSlot;
}
