import type { Certificate } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { need, type Reading } from './reading.ts';

const ROUNDING_KWH = 1e-9;

/**
 * What the owners' minimums take at once, in kW by car and slot: slot by slot, cars in order of ready-by, each as much
 * as its charger and the limits allow, and never less than it accepts. It is part of the problem, so the bound counts it as given.
 */
export function minimumLoads(reading: Reading): Map<string, Float64Array> {
  const { problem, slots, slotHours } = reading;
  const loads = new Map<string, Float64Array>();
  const feederLeft = new Map(problem.feeders.map((f) => [f.id, series(slots, (t) => reading.feederKw(f, t))]));
  const stationLeft = new Map(
    problem.substations.map((s) => [s.id, series(slots, (t) => reading.substationKw(s.id, t))]),
  );
  const open = problem.cars
    .map((car, index) => ({ car, index, leftKw: car.minimumNeedKwh / car.chargerEfficiency / slotHours }))
    .filter(({ leftKw }) => leftKw > ROUNDING_KWH)
    .sort((a, b) => chargeUntil(a.car) - chargeUntil(b.car) || a.index - b.index);
  for (let t = 0; t < slots; t++) {
    for (const entry of open) {
      const { car } = entry;
      if (entry.leftKw <= ROUNDING_KWH || t < car.pluggedFromSlot || t >= car.untilSlot) continue;
      const feeder = reading.feederOf(car);
      const own = need(feederLeft.get(feeder.id));
      const station = feeder.substationId === undefined ? undefined : need(stationLeft.get(feeder.substationId));
      const roomKw = Math.min(need(own[t]), station?.[t] ?? Infinity);
      const mostKw = Math.min(reading.chargeKw(car, t), roomKw > ROUNDING_KWH ? roomKw : 0);
      if (mostKw <= 0 || mostKw + ROUNDING_KWH < car.chargerMinKw) continue;
      const kw = Math.min(mostKw, Math.max(entry.leftKw, car.chargerMinKw));
      entry.leftKw -= kw;
      own[t] = need(own[t]) - kw;
      if (station) station[t] = need(station[t]) - kw;
      const load = loads.get(car.id) ?? new Float64Array(slots);
      load[t] = kw;
      loads.set(car.id, load);
    }
  }
  return loads;
}

/**
 * Evaluates the certificate: a lower bound on cost plus penalties of every feasible plan, from its prices and the
 * problem alone. Any prices give a valid bound (weak duality), so rents below 0 and job prices above the penalty are
 * cut, and names that the problem does not have are ignored: a bad certificate gives a bad bound, never a wrong one.
 */
export function evaluateBound(reading: Reading, certificate: Certificate): number {
  const { problem, slots, slotHours } = reading;
  const minimums = minimumLoads(reading);
  const rentOf = new Map(certificate.feederRentEurPerKwh.map((entry) => [entry.feederId, entry.rent]));
  const stationRentOf = new Map(certificate.substationRentEurPerKwh.map((entry) => [entry.substationId, entry.rent]));
  const jobPrices = new Map(certificate.jobPriceEurPerShard.map((entry) => [entry.jobId, entry.price]));
  const rentsOf = new Map(
    problem.feeders.map((feeder) => {
      const station = feeder.substationId === undefined ? undefined : stationRentOf.get(feeder.substationId);
      return [feeder.id, series(slots, (t) => rent(rentOf.get(feeder.id), t) + rent(station, t))];
    }),
  );
  const feederFixed = new Map<string, Float64Array>();
  const stationFixed = new Map<string, Float64Array>();
  let eur = 0;

  for (const car of problem.cars) {
    const feeder = reading.feederOf(car);
    const minimum = minimums.get(car.id);
    let leftKw = car.needKwh / car.chargerEfficiency / slotHours;
    for (const [t, kw] of minimum?.entries() ?? []) {
      if (kw === 0) continue;
      eur += kw * slotHours * reading.chargeCost(car, t);
      addTo(feederFixed, feeder.id, slots, t, kw);
      if (feeder.substationId !== undefined) addTo(stationFixed, feeder.substationId, slots, t, kw);
      if (t < chargeUntil(car)) leftKw -= kw;
    }
    eur += cheapest(reading, car, need(rentsOf.get(feeder.id)), minimum, Math.max(0, leftKw));
  }

  for (const job of problem.jobs) eur += cappedPrice(reading, jobPrices, job.id) * job.shardsRemaining;
  for (const feeder of problem.feeders) {
    const region = reading.regionOf(feeder);
    const cars = problem.cars.filter((car) => car.feederId === feeder.id);
    for (const hardware of problem.hardwareClasses) {
      const ofClass = cars.filter((car) => car.hardwareClass === hardware.id);
      if (ofClass.length === 0) continue;
      for (let t = 0; t < slots; t++) {
        const expected = ofClass.reduce((sum, car) => {
          const share = reading.share(car, t);
          return share > 0 ? sum + share * reading.survival(car, t) : sum;
        }, 0);
        if (expected === 0) continue;
        const price = reading.cost(region, t) + need(need(rentsOf.get(feeder.id))[t]);
        const costEur = reading.classPlugKw(region, hardware.id, t) * slotHours * price;
        let best = 0;
        for (const job of problem.jobs) {
          const shards = job.shardsRemaining === 0 ? 0 : reading.shardsPerSlot(job, region, hardware.id, t);
          if (shards > 0) best = Math.min(best, costEur - shards * cappedPrice(reading, jobPrices, job.id));
        }
        eur += best * expected;
      }
    }
  }

  for (const feeder of problem.feeders) {
    for (let t = 0; t < slots; t++) {
      const capKw = Math.max(0, reading.feederKw(feeder, t) - (feederFixed.get(feeder.id)?.[t] ?? 0));
      eur -= rent(rentOf.get(feeder.id), t) * capKw * slotHours;
    }
  }
  for (const station of problem.substations) {
    for (let t = 0; t < slots; t++) {
      const capKw = Math.max(0, reading.substationKw(station.id, t) - (stationFixed.get(station.id)?.[t] ?? 0));
      eur -= rent(stationRentOf.get(station.id), t) * capKw * slotHours;
    }
  }
  return eur;
}

/** What the car's remaining energy costs at least at the given rents; a kWh left out costs the penalty. */
function cheapest(
  reading: Reading,
  car: PlanningCar,
  rents: Float64Array,
  minimum: Float64Array | undefined,
  energyKwSlots: number,
): number {
  const offers: { readonly price: number; readonly kw: number }[] = [];
  for (let t = car.pluggedFromSlot; t < chargeUntil(car); t++) {
    offers.push({
      price: reading.chargeCost(car, t) + need(rents[t]),
      kw: Math.max(0, reading.chargeKw(car, t) - (minimum?.[t] ?? 0)),
    });
  }
  offers.sort((a, b) => a.price - b.price);
  let left = energyKwSlots;
  let eur = 0;
  for (const offer of offers) {
    if (left <= 0) break;
    const kw = Math.min(left, offer.kw);
    eur += kw * reading.slotHours * Math.min(offer.price, reading.ownerPenaltyEurPerKwh);
    left -= kw;
  }
  return eur + Math.max(0, left) * reading.slotHours * reading.ownerPenaltyEurPerKwh;
}

/** A rent below 0 would be no bound. */
function rent(values: readonly number[] | undefined, slot: number): number {
  return Math.max(0, values?.[slot] ?? 0);
}

function cappedPrice(reading: Reading, prices: ReadonlyMap<string, number>, jobId: string): number {
  const job = need(reading.problem.jobs.find((candidate) => candidate.id === jobId));
  const price = prices.get(jobId) ?? 0;
  return Number.isFinite(price) ? Math.min(price, reading.jobPenaltyEurPerShard(job)) : 0;
}

/** End of the slots that count towards ready-by. */
export function chargeUntil(car: PlanningCar): number {
  return Math.max(car.pluggedFromSlot, Math.min(car.readyBySlot, car.untilSlot));
}

function series(slots: number, value: (slot: number) => number): Float64Array {
  return Float64Array.from({ length: slots }, (_, t) => value(t));
}

function addTo(loads: Map<string, Float64Array>, id: string, slots: number, slot: number, kw: number): void {
  const load = loads.get(id) ?? new Float64Array(slots);
  load[slot] = need(load[slot]) + kw;
  loads.set(id, load);
}
