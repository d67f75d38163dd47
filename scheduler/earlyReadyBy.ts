import { at } from './columns.ts';
import { isTooCold } from './energy/battery.ts';
import type { PlanningCar, PlanningProblem } from './problem.ts';
import { slotHours } from './time.ts';

/** What may come between a plan and its promises. */
export interface ReadyByCare {
  /** Cars are planned to be ready so many slots before their ready-by. */
  readonly marginSlots: number;
  /** Chance that a car leaves before it is ready that is taken; 1: any. Works on survival curves only. */
  readonly departureRisk: number;
  /** kWh at the plug that cars still to arrive may ask for, by feeder (`arrivingKwh`); a feeder left out expects none. */
  readonly arrivingKwh: ReadonlyMap<string, number>;
}

/** What a running cell and the backtest take unless told otherwise. */
export const READY_BY_MARGIN_MINUTES = 60;
export const DEPARTURE_RISK = 0.25;

/**
 * Part of what a feeder still carries until its last ready-by that cars ask for, arrivals included: up to the first
 * cars wait for cheap slots, from the second on they charge as early as the feeder lets them. Chosen on a year of
 * nights (docs/evaluation.md): half of a feeder's energy is in hours in which its cars cannot use it.
 */
const CALM = 0.4;
const CONTENDED = 0.6;

const ROUNDING_KWH = 1e-6;
const ROUNDING_SLOTS = 1e-6;

/**
 * The same problem with ready-bys brought forward, so that neither a late arrival nor an early departure breaks a
 * promise: by a margin and to when the car is likely to be there; and where a feeder is or may become contended, towards
 * the slot in which least-laxity-first charging would be done with the car. Never to before that slot, so that cars
 * which could be ready in time stay so, nor to after the promise. A car that such charging cannot make ready keeps its
 * ready-by.
 * @param problem as `planningProblemSchema` accepts it, with ready-bys as promised; not changed
 * @returns a problem that shares everything else with the given one
 */
export function withEarlyReadyBy(problem: PlanningProblem, care: ReadyByCare): PlanningProblem {
  const doneBy = leastLaxityFirst(problem);
  const urgency = urgencyOfFeeders(problem, care.arrivingKwh);
  return {
    ...problem,
    cars: problem.cars.map((car, index) => {
      const promised = promisedSlot(car);
      const earliest = at(doneBy, index);
      if (car.needKwh <= ROUNDING_KWH || earliest >= promised) return car;
      const unlikely = car.survival?.findIndex((probability) => probability < 1 - care.departureRisk) ?? -1;
      const likelyUntil = unlikely < 0 ? Infinity : car.pluggedFromSlot + unlikely;
      const calm = Math.max(earliest, Math.min(promised - care.marginSlots, likelyUntil));
      const early = calm - (urgency.get(car.feederId) ?? 0) * (calm - earliest);
      return { ...car, readyBySlot: Math.ceil(early - ROUNDING_SLOTS) };
    }),
  };
}

function promisedSlot(car: PlanningCar): number {
  return Math.min(car.readyBySlot, car.untilSlot);
}

/**
 * End of the slot in which each car has its energy when all charge at once, those with the least time to spare first,
 * within the limits of feeders and substations; Infinity when it never has.
 */
function leastLaxityFirst({ cars, feeders, regions, substations, slots }: PlanningProblem): Float64Array {
  const celsiusOf = new Map(regions.map((region) => [region.id, region.ambientCelsius]));
  const regionOf = new Map(feeders.map((feeder) => [feeder.id, feeder.regionId]));
  const hours = slotHours(slots);
  const stationOf = new Map(feeders.map((feeder) => [feeder.id, feeder.substationId]));
  const doneBy = new Float64Array(cars.length).fill(Infinity);
  const open = cars.map((car, index) => ({
    car,
    index,
    leftKw: car.needKwh / car.chargerEfficiency / hours,
    powerKw: Math.min(car.chargerMaxKw, car.plugLimitKw ?? Infinity),
    laxity: 0,
  }));
  for (let t = 0; t < slots.count; t++) {
    const feederKw = new Map(feeders.map((feeder) => [feeder.id, carsMayDrawKw(feeder, t)]));
    const stationKw = new Map(
      substations.map((station) => [station.id, station.importLimitKw[t] ?? station.failSafeImportKw]),
    );
    const waiting = open.filter(
      ({ car, leftKw }) =>
        leftKw > ROUNDING_KWH &&
        t >= car.pluggedFromSlot &&
        t < car.untilSlot &&
        !isTooCold(car, celsiusOf.get(regionOf.get(car.feederId) ?? '')?.[t] ?? Infinity),
    );
    for (const entry of waiting) {
      entry.laxity = promisedSlot(entry.car) - t - entry.leftKw / Math.max(ROUNDING_KWH, entry.powerKw);
    }
    waiting.sort((a, b) => a.laxity - b.laxity || a.index - b.index);
    for (const entry of waiting) {
      const { feederId, chargerMinKw } = entry.car;
      const station = stationOf.get(feederId);
      const ownKw = feederKw.get(feederId) ?? 0;
      const sharedKw = station === undefined ? Infinity : (stationKw.get(station) ?? 0);
      const mostKw = Math.min(entry.powerKw, ownKw, sharedKw);
      if (mostKw <= 0 || mostKw < chargerMinKw) continue;
      const kw = Math.min(mostKw, Math.max(entry.leftKw, chargerMinKw));
      feederKw.set(feederId, ownKw - kw);
      if (station !== undefined) stationKw.set(station, sharedKw - kw);
      entry.leftKw -= kw;
      if (entry.leftKw <= ROUNDING_KWH) doneBy[entry.index] = t + 1;
    }
  }
  return doneBy;
}

/** By feeder, from 0 (calm) to 1 (contended). */
function urgencyOfFeeders(problem: PlanningProblem, arrivingKwh: ReadonlyMap<string, number>): Map<string, number> {
  const hours = slotHours(problem.slots);
  const askedKwh = new Map(arrivingKwh);
  const lastSlot = new Map<string, number>();
  for (const car of problem.cars) {
    if (car.needKwh <= ROUNDING_KWH) continue;
    askedKwh.set(car.feederId, (askedKwh.get(car.feederId) ?? 0) + car.needKwh / car.chargerEfficiency);
    lastSlot.set(car.feederId, Math.max(lastSlot.get(car.feederId) ?? 0, promisedSlot(car)));
  }
  return new Map(
    problem.feeders.map((feeder) => {
      let carriesKwh = 0;
      for (let t = 0; t < (lastSlot.get(feeder.id) ?? 0); t++) carriesKwh += carsMayDrawKw(feeder, t) * hours;
      const part = carriesKwh > 0 ? (askedKwh.get(feeder.id) ?? 0) / carriesKwh : 0;
      return [feeder.id, Math.min(1, Math.max(0, (part - CALM) / (CONTENDED - CALM)))];
    }),
  );
}

function carsMayDrawKw(feeder: PlanningProblem['feeders'][number], slot: number): number {
  const limitKw = feeder.importLimitKw[slot] ?? feeder.failSafeImportKw;
  return Math.max(0, limitKw - (feeder.houseLoadKw[slot] ?? 0));
}
