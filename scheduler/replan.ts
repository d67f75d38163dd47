import { at } from './columns.ts';
import { placePlan } from './placePlan.ts';
import { planCell, readRelaxation } from './planCell.ts';
import type { Plan } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { reason } from './reasons.ts';
import type { Gather } from './solve/crew.ts';
import { lowerBound } from './solve/lowerBound.ts';
import type { LimitPrices, Relaxation } from './solve/relaxation.ts';
import { solveRelaxation, type SolvedRelaxation } from './solve/solveRelaxation.ts';
import { slotAt, slotStartMs } from './time.ts';

/** A kept plan may have lost so much more than the last one before it is worth solving again. */
const ACCEPTED_LOSS = 0.002;
/** One that lost no more than this has prices that are a good beginning; from others, soft prices are sooner there. */
const NEAR_LOSS = 0.01;

/**
 * Plans from the last plan: keeps what still fits, places what is new by the last plan's prices, and proves with the
 * same prices how good that is. Solves again when it lost too much, from the last prices where those are near. Slots that nothing has changed in stay as
 * they were, so small changes of price do not flap.
 * @param previous plan of an earlier or the same slot
 * @param problem as `planningProblemSchema` accepts it; anything else throws a RangeError
 * @returns `previous_plan` as method where it was kept; else as `planCell`
 */
export function replan(previous: Plan, problem: PlanningProblem, gather?: Gather): Plan {
  const shift = shiftOnto(previous, problem);
  if (shift === undefined) return planCell(problem, gather);
  const read = readRelaxation(problem);
  const prices = shiftedPrices(problem, previous.certificate, shift);
  const kept = placeKept(problem, read, { cars: previous.cars, prices, shift });
  // Once only: a loss that is allowed again with every slot would grow over the night.
  const acceptedLoss = previous.method === 'previous_plan' ? 0 : ACCEPTED_LOSS;
  const loss = kept.figures.gap - previous.figures.gap;
  if (loss <= acceptedLoss) return kept;
  const solved = solveRelaxation(read.relaxation, loss <= NEAR_LOSS ? prices : undefined, gather);
  return placePlan(problem, read.relaxation, read.minimumKw, solved);
}

/**
 * The last plan, tightened to the present limits, without solving anything: for when the solver has died or run out of
 * time. Always feasible, and says so in its reasons. Cars that are new are placed by the last plan's prices.
 * @param previous plan of an earlier or the same slot; one whose slots do not fall onto the problem's lends nothing
 * @param problem as `planningProblemSchema` accepts it; anything else throws a RangeError
 */
export function keepPlan(previous: Plan, problem: PlanningProblem): Plan {
  const shift = shiftOnto(previous, problem);
  const { cars, certificate } = shift === undefined ? NO_PLAN : previous;
  const prices = shiftedPrices(problem, certificate, shift ?? 0);
  const kept = placeKept(problem, readRelaxation(problem), { cars, prices, shift: shift ?? 0 });
  return { ...kept, reasons: [reason('previous_plan_kept'), ...kept.reasons] };
}

/** Slots between the two plans' beginnings; undefined when their slots do not fall onto each other. */
function shiftOnto(previous: Plan, problem: PlanningProblem): number | undefined {
  const shift = slotAt(previous.slots, problem.slots.startMs);
  const aligned =
    previous.slots.slotMinutes === problem.slots.slotMinutes &&
    shift >= 0 &&
    slotStartMs(previous.slots, shift) === problem.slots.startMs;
  return aligned ? shift : undefined;
}

const NO_PLAN: Pick<Plan, 'cars' | 'certificate'> = {
  cars: [],
  certificate: {
    feederRentEurPerKwh: [],
    substationRentEurPerKwh: [],
    jobPriceEurPerShard: [],
    lowerBoundEur: 0,
  },
};

function placeKept(
  problem: PlanningProblem,
  { relaxation, minimumKw }: ReturnType<typeof readRelaxation>,
  { cars, prices, shift }: { readonly cars: Plan['cars']; readonly prices: LimitPrices; readonly shift: number },
): Plan {
  const solved: Omit<SolvedRelaxation, 'costEur'> = {
    method: 'previous_plan',
    chargeKw: shiftedCharge(problem, relaxation, minimumKw, cars, shift),
    gateCarsOfJob: [],
    prices,
    lowerBoundEur: lowerBound(relaxation, prices),
  };
  return placePlan(problem, relaxation, minimumKw, solved);
}

/** The last plan's charging where charger, window and need still allow it, without what serves minimums now. */
function shiftedCharge(
  problem: PlanningProblem,
  relaxation: Relaxation,
  minimumKw: Float64Array,
  planned: Plan['cars'],
  shift: number,
): Float64Array {
  const { cars, slots, substationOfFeeder } = relaxation.problem;
  const { offset } = relaxation.layout;
  const chargeKw = new Float64Array(minimumKw.length);
  const feederLeftKw = Float64Array.from(relaxation.feederCapKw);
  const stationLeftKw = Float64Array.from(relaxation.substationCapKw);
  const planOf = new Map(planned.map((car) => [car.carId, car]));
  for (const [index, car] of problem.cars.entries()) {
    const before = planOf.get(car.id)?.chargeKw;
    if (before === undefined) continue;
    let left = at(relaxation.energyKwSlots, index);
    const feeder = at(cars.feeder, index);
    const station = at(substationOfFeeder, feeder);
    for (let t = at(cars.from, index); t < at(cars.chargeUntil, index); t++) {
      const cell = at(offset, index) + t - at(cars.from, index);
      const row = feeder * slots + t;
      const stationRow = station * slots + t;
      const roomKw = Math.min(at(feederLeftKw, row), station < 0 ? Infinity : at(stationLeftKw, stationRow));
      const wantedKw = Math.max(0, (before[t + shift] ?? 0) - at(minimumKw, cell));
      const kw = Math.min(wantedKw, left, roomKw, at(relaxation.chargeCapKw, cell));
      chargeKw[cell] = kw;
      left -= kw;
      feederLeftKw[row] = at(feederLeftKw, row) - kw;
      if (station >= 0) stationLeftKw[stationRow] = at(stationLeftKw, stationRow) - kw;
    }
  }
  return chargeKw;
}

function shiftedPrices(problem: PlanningProblem, certificate: Plan['certificate'], shift: number): LimitPrices {
  const { count } = problem.slots;
  const rents = (
    places: readonly { readonly id: string }[],
    known: ReadonlyMap<string, readonly number[]>,
  ): Float64Array => {
    const flat = new Float64Array(places.length * count);
    for (const [row, { id }] of places.entries()) {
      const rent = known.get(id);
      for (let t = 0; t < count; t++) flat[row * count + t] = rent?.[t + shift] ?? 0;
    }
    return flat;
  };
  const jobPrices = new Map(certificate.jobPriceEurPerShard.map((entry) => [entry.jobId, entry.price]));
  return {
    feederRentEurPerKwh: rents(
      problem.feeders,
      new Map(certificate.feederRentEurPerKwh.map((entry) => [entry.feederId, entry.rent])),
    ),
    substationRentEurPerKwh: rents(
      problem.substations,
      new Map(certificate.substationRentEurPerKwh.map((entry) => [entry.substationId, entry.rent])),
    ),
    jobPriceEurPerShard: Float64Array.from(problem.jobs, (job) => jobPrices.get(job.id) ?? 0),
  };
}
