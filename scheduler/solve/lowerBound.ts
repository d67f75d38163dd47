import { at } from '../columns.ts';
import { cheapestFirst } from './cheapestFirst.ts';
import { gateRow, shardsPerCar, type LimitPrices, type Relaxation } from './relaxation.ts';

/**
 * Lower bound on the cost of every plan, from any prices at all (weak duality): what cars and jobs pay at least when
 * they buy at cost plus rent, less the rent of the limits. Rents below 0 and job prices above the penalty are clipped.
 */
export function lowerBound(relaxation: Relaxation, prices: LimitPrices): number {
  const { problem } = relaxation;
  const { slots, slotHours } = problem;
  const rent = limitRents(relaxation, prices);
  const price = pricesWithRent(relaxation, prices);
  let eur = relaxation.fixedCostEur + cheapestCharging(relaxation, rent);
  const jobPrice = problem.jobs.map((job, j) => Math.min(job.penaltyEurPerShard, at(prices.jobPriceEurPerShard, j)));
  for (const [j, job] of problem.jobs.entries()) eur += (jobPrice[j] ?? 0) * job.shards;
  for (let row = 0; row < problem.feeders * problem.classes; row++) {
    const { feeder, region, hardwareClass } = gateRow(problem, row);
    for (let t = 0; t < slots; t++) {
      const count = at(relaxation.gateCars, row * slots + t);
      if (count <= 0) continue;
      const plugKw = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
      const cost = plugKw * at(price, feeder * slots + t) * slotHours;
      let best = 0;
      for (let j = 0; j < jobPrice.length; j++) {
        // A job without shards has no price: nothing can be done for it.
        const shards = problem.jobs[j]?.shards === 0 ? 0 : shardsPerCar(problem, j, region, hardwareClass, t);
        if (shards > 0) best = Math.min(best, cost - (jobPrice[j] ?? 0) * shards);
      }
      eur += best * count;
    }
  }
  for (let cell = 0; cell < relaxation.feederCapKw.length; cell++) {
    eur -= Math.max(0, at(prices.feederRentEurPerKwh, cell)) * at(relaxation.feederCapKw, cell) * slotHours;
  }
  for (let cell = 0; cell < relaxation.substationCapKw.length; cell++) {
    eur -= Math.max(0, at(prices.substationRentEurPerKwh, cell)) * at(relaxation.substationCapKw, cell) * slotHours;
  }
  return eur;
}

/** EUR per kWh at the plug by (feeder, slot): cost plus the rents of feeder and substation. */
export function pricesWithRent(relaxation: Relaxation, prices: LimitPrices): Float64Array {
  const { slots, regionOfFeeder, unitCostEurPerKwh } = relaxation.problem;
  return limitRents(relaxation, prices).map((rent, cell) => {
    const region = at(regionOfFeeder, Math.floor(cell / slots));
    return rent + at(unitCostEurPerKwh, region * slots + (cell % slots));
  });
}

/** EUR per kWh at the plug by (feeder, slot): the rents of feeder and substation. */
function limitRents({ problem }: Relaxation, prices: LimitPrices): Float64Array {
  const { slots } = problem;
  const rent = new Float64Array(problem.feeders * slots);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      rent[feeder * slots + t] =
        Math.max(0, at(prices.feederRentEurPerKwh, feeder * slots + t)) +
        (station < 0 ? 0 : Math.max(0, at(prices.substationRentEurPerKwh, station * slots + t)));
    }
  }
  return rent;
}

/** EUR per kWh that decides when a car charges: expected cost plus rents, in the layout of setpoints. */
export function chargePrices(relaxation: Relaxation, prices: LimitPrices): Float64Array {
  const { problem, layout } = relaxation;
  const { cars, slots } = problem;
  const rent = limitRents(relaxation, prices);
  const price = Float64Array.from(relaxation.chargeCostEurPerKwh);
  for (let car = 0; car < cars.count; car++) {
    let cell = at(layout.offset, car);
    const row = at(cars.feeder, car) * slots;
    for (let t = at(cars.from, car); t < at(cars.until, car); t++, cell++) {
      price[cell] = at(price, cell) + at(rent, row + t);
    }
  }
  return price;
}

/** What charging costs at least at the given rents, feeders' limits aside; a kWh left out costs the penalty. */
function cheapestCharging(relaxation: Relaxation, rent: Float64Array): number {
  const { problem, layout, chargeCapKw, chargeCostEurPerKwh, energyKwSlots } = relaxation;
  const { cars, slots, slotHours, ownerPenaltyEurPerKwh } = problem;
  const price = new Float64Array(slots);
  const order = new Int32Array(slots);
  let eur = 0;
  for (let car = 0; car < cars.count; car++) {
    let left = at(energyKwSlots, car);
    if (left <= 0) continue;
    const first = at(layout.offset, car);
    const from = at(cars.from, car);
    const count = at(cars.chargeUntil, car) - from;
    const row = at(cars.feeder, car) * slots + from;
    for (let k = 0; k < count; k++) price[k] = at(chargeCostEurPerKwh, first + k) + at(rent, row + k);
    cheapestFirst(price, count, order);
    for (let k = 0; k < count && left > 0; k++) {
      const slot = at(order, k);
      const kw = Math.min(left, at(chargeCapKw, first + slot));
      // Above the penalty, leaving it out is cheaper.
      eur += kw * Math.min(at(price, slot), ownerPenaltyEurPerKwh) * slotHours;
      left -= kw;
    }
    eur += left * slotHours * ownerPenaltyEurPerKwh;
  }
  return eur;
}
