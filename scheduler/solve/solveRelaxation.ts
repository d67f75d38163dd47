import { at } from '../columns.ts';
import { chargeCheapest, computeCheapest } from './capFree.ts';
import { lowerBound, pricesWithRent } from './lowerBound.ts';
import { jointFlow, uniformKwhPerShard } from './jointFlow.ts';
import { coordinate } from './priceCoordination.ts';
import type { Gather } from './crew.ts';
import { gateRow, relaxedCost, type LimitPrices, type Relaxation, type RelaxedPlan } from './relaxation.ts';

export interface SolvedRelaxation extends RelaxedPlan {
  readonly lowerBoundEur: number;
}

const ROUNDING_KW = 1e-9;

/**
 * Solves the relaxation with the cheapest method that is exact for it, and says which: cheapest slots where no shared
 * limit binds, one maximum flow where a kWh of compute is worth the same everywhere and no car is expected to leave early,
 * and the decomposition otherwise.
 * @param start prices to begin with, such as the last plan's; undefined where there are none
 * @param gather who works on blocks of feeders; left out, this thread does
 */
export function solveRelaxation(relaxation: Relaxation, start?: LimitPrices, gather?: Gather): SolvedRelaxation {
  const free = noRents(relaxation);
  const price = pricesWithRent(relaxation, free);
  const chargeKw = chargeCheapest(relaxation);
  const compute = computeCheapest(relaxation, price);
  const active = overloadedFeeders(relaxation, chargeKw, compute?.gateCarsOfJob ?? []);
  if (compute && !active.includes(1)) {
    const prices = { ...free, jobPriceEurPerShard: compute.jobPriceEurPerShard };
    return finish(relaxation, 'cap_free', { chargeKw, gateCarsOfJob: compute.gateCarsOfJob, prices });
  }
  const kwhPerShard = isOnePrice(relaxation) ? uniformKwhPerShard(relaxation) : undefined;
  if (kwhPerShard) return finish(relaxation, 'max_flow', jointFlow(relaxation, kwhPerShard));
  return finish(relaxation, 'decomposition', coordinate(relaxation, chargeKw, start, gather));
}

/** Whether a kWh costs every car of a region the same in a slot: nobody is expected to leave early. */
function isOnePrice({ problem, layout, chargeCostEurPerKwh }: Relaxation): boolean {
  const { cars, slots } = problem;
  for (let car = 0; car < cars.count; car++) {
    const row = at(problem.regionOfFeeder, at(cars.feeder, car)) * slots;
    let cell = at(layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++, cell++) {
      if (at(chargeCostEurPerKwh, cell) !== at(problem.unitCostEurPerKwh, row + t)) return false;
    }
  }
  return true;
}

function finish(
  relaxation: Relaxation,
  method: RelaxedPlan['method'],
  solved: Pick<RelaxedPlan, 'chargeKw' | 'gateCarsOfJob' | 'prices'>,
): SolvedRelaxation {
  return {
    method,
    chargeKw: solved.chargeKw,
    gateCarsOfJob: solved.gateCarsOfJob,
    prices: solved.prices,
    costEur: relaxedCost(relaxation, solved.chargeKw, solved.gateCarsOfJob),
    lowerBoundEur: lowerBound(relaxation, solved.prices),
  };
}

function noRents({ problem }: Relaxation): LimitPrices {
  return {
    feederRentEurPerKwh: new Float64Array(problem.feeders * problem.slots),
    substationRentEurPerKwh: new Float64Array(problem.substations * problem.slots),
    jobPriceEurPerShard: new Float64Array(problem.jobs.length),
  };
}

/** Feeders whose own limit, or whose substation's, the given loads pass in some slot. */
function overloadedFeeders(
  { problem, layout, feederCapKw, substationCapKw }: Relaxation,
  chargeKw: Float64Array,
  gateCarsOfJob: readonly Float64Array[],
): Uint8Array {
  const { cars, slots } = problem;
  const loadKw = new Float64Array(problem.feeders * slots);
  for (let car = 0; car < cars.count; car++) {
    const row = at(cars.feeder, car) * slots;
    let cell = at(layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.until, car); t++, cell++) {
      loadKw[row + t] = at(loadKw, row + t) + at(chargeKw, cell);
    }
  }
  for (const gateCars of gateCarsOfJob) {
    for (const [gate, count] of gateCars.entries()) {
      if (count === 0) continue;
      const { feeder, region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
      const t = gate % slots;
      const plugKw = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
      loadKw[feeder * slots + t] = at(loadKw, feeder * slots + t) + count * plugKw;
    }
  }
  const stationLoadKw = new Float64Array(substationCapKw.length);
  const overloaded = new Uint8Array(problem.feeders);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      const cell = feeder * slots + t;
      if (at(loadKw, cell) > at(feederCapKw, cell) + ROUNDING_KW) overloaded[feeder] = 1;
      if (station < 0) continue;
      stationLoadKw[station * slots + t] = at(stationLoadKw, station * slots + t) + at(loadKw, cell);
    }
  }
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const station = at(problem.substationOfFeeder, feeder);
    if (station < 0) continue;
    for (let t = 0; t < slots; t++) {
      const cell = station * slots + t;
      if (at(stationLoadKw, cell) > at(substationCapKw, cell) + ROUNDING_KW) overloaded[feeder] = 1;
    }
  }
  return overloaded;
}
