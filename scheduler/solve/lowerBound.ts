import { at } from '../columns.ts';
import { gateRow, shardsPerCar, type LimitPrices, type Relaxation } from './relaxation.ts';

/**
 * Lower bound on the cost of every plan, from any prices at all (weak duality): what cars and jobs pay at least when
 * they buy at cost plus rent, less the rent of the limits. Rents below 0 and job prices above the penalty are clipped.
 */
export function lowerBound(relaxation: Relaxation, prices: LimitPrices): number {
  const { problem } = relaxation;
  const { slots, slotHours } = problem;
  const price = pricesWithRent(relaxation, prices);
  let eur = relaxation.fixedCostEur + cheapestCharging(relaxation, price);
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
export function pricesWithRent({ problem }: Relaxation, prices: LimitPrices): Float64Array {
  const { slots } = problem;
  const price = new Float64Array(problem.feeders * slots);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const region = at(problem.regionOfFeeder, feeder);
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      price[feeder * slots + t] =
        at(problem.unitCostEurPerKwh, region * slots + t) +
        Math.max(0, at(prices.feederRentEurPerKwh, feeder * slots + t)) +
        (station < 0 ? 0 : Math.max(0, at(prices.substationRentEurPerKwh, station * slots + t)));
    }
  }
  return price;
}

/** What charging costs at least at the given prices, feeders' limits aside; a kWh left out costs the penalty. */
function cheapestCharging({ problem, layout, chargeCapKw, energyKwSlots }: Relaxation, price: Float64Array): number {
  const { cars, slots, slotHours } = problem;
  const orders = slotsByPrice(price, problem.feeders, slots);
  let eur = 0;
  for (let car = 0; car < cars.count; car++) {
    let left = at(energyKwSlots, car);
    if (left <= 0) continue;
    const feeder = at(cars.feeder, car);
    const first = at(layout.offset, car) - at(cars.from, car);
    for (let k = feeder * slots; k < (feeder + 1) * slots && left > 0; k++) {
      const t = at(orders, k);
      if (t < at(cars.from, car) || t >= at(cars.chargeUntil, car)) continue;
      const kw = Math.min(left, at(chargeCapKw, first + t));
      // Above the penalty, leaving it out is cheaper.
      eur += kw * Math.min(at(price, feeder * slots + t), problem.ownerPenaltyEurPerKwh) * slotHours;
      left -= kw;
    }
    eur += left * slotHours * problem.ownerPenaltyEurPerKwh;
  }
  return eur;
}

/** Slots of each feeder by rising price, earlier first among equals: row by row like the prices. */
export function slotsByPrice(price: Float64Array, feeders: number, slots: number): Int32Array {
  const orders = new Int32Array(feeders * slots);
  for (let feeder = 0; feeder < feeders; feeder++) {
    const row = feeder * slots;
    const order = orders.subarray(row, row + slots);
    for (let t = 0; t < slots; t++) order[t] = t;
    order.sort((a, b) => at(price, row + a) - at(price, row + b) || a - b);
  }
  return orders;
}
