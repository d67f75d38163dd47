import { MINUTE_MS } from '../domain/durations.ts';
import type { ComingArrival } from './arrivals.ts';
import { chargeNowKw, laxitySlots } from './chargeNow.ts';
import { isTooCold } from './energy/battery.ts';
import type { PlanningCar, PlanningProblem } from './problem.ts';
import { slotHours, type SlotAxis } from './time.ts';

interface Charging extends Done {
  /** Of the problem's cars; undefined for what may still arrive. */
  readonly car: PlanningCar | undefined;
  readonly fromSlot: number;
  readonly untilSlot: number;
  readonly powerKw: number;
  readonly minKw: number;
  leftKw: number;
  doneBy: number;
}

const ROUNDING_KWH = 1e-6;

/** When a car, or what may still arrive, has its energy, and when it is wanted. */
export interface Done {
  readonly feederId: string;
  readonly promisedSlot: number;
  /** End of the slot in which it has its energy; Infinity when it never has. */
  readonly doneBy: number;
}

/**
 * All charge as soon as they can, those with the least time to spare first, within the limits of feeders and substations.
 * @param events `waitSlots`: before this slot only those charge that have no time to spare; `arriving`: what comes to
 *   the feeders beside the cars. It is wanted by the last ready-by of its feeder, and takes any power that is left there
 * @returns the problem's cars in their order, then what arrives
 */
export function leastLaxityFirst(
  problem: PlanningProblem,
  events: {
    readonly waitSlots: number;
    readonly arriving: ReadonlyMap<string, readonly ComingArrival[]>;
  } = { waitSlots: 0, arriving: new Map() },
): readonly Done[] {
  const { cars, feeders, regions, substations, slots } = problem;
  const celsiusOf = new Map(regions.map((region) => [region.id, region.ambientCelsius]));
  const regionOf = new Map(feeders.map((feeder) => [feeder.id, feeder.regionId]));
  const stationOf = new Map(feeders.map((feeder) => [feeder.id, feeder.substationId]));
  const hours = slotHours(slots);
  const known = cars.map((car) => chargingOf(car, hours));
  const all = [...known, ...arrivalsOf(known, slots, hours, events.arriving)];
  let open = all;
  for (let t = 0; t < slots.count; t++) {
    open = open.filter(({ leftKw, untilSlot }) => leftKw > ROUNDING_KWH && t < untilSlot);
    if (open.length === 0) break;
    const feederKw = new Map(feeders.map((feeder) => [feeder.id, carsMayDrawKw(feeder, t)]));
    const stationKw = new Map(
      substations.map((station) => [station.id, station.importLimitKw[t] ?? station.failSafeImportKw]),
    );
    const charging = open
      .filter(({ car, feederId, fromSlot }) => {
        if (t < fromSlot) return false;
        return !car || !isTooCold(car, celsiusOf.get(regionOf.get(feederId) ?? '')?.[t] ?? Infinity);
      })
      .map((entry) => ({
        entry,
        laxity: laxitySlots(t, entry.promisedSlot, entry.leftKw, entry.powerKw),
      }))
      .filter(({ laxity }) => t >= events.waitSlots || laxity < 1)
      .sort((a, b) => a.laxity - b.laxity);
    for (const { entry } of charging) {
      const station = stationOf.get(entry.feederId);
      const ownKw = feederKw.get(entry.feederId) ?? 0;
      const sharedKw = station === undefined ? Infinity : (stationKw.get(station) ?? 0);
      const mostKw = Math.min(entry.powerKw, ownKw, sharedKw);
      const kw = chargeNowKw(entry.leftKw, mostKw, entry.minKw);
      if (kw === 0) continue;
      feederKw.set(entry.feederId, ownKw - kw);
      if (station !== undefined) stationKw.set(station, sharedKw - kw);
      entry.leftKw -= kw;
      if (entry.leftKw <= ROUNDING_KWH) entry.doneBy = t + 1;
    }
  }
  return all;
}

function chargingOf(car: PlanningCar, hours: number): Charging {
  return {
    car,
    feederId: car.feederId,
    fromSlot: car.pluggedFromSlot,
    untilSlot: car.untilSlot,
    promisedSlot: Math.min(car.readyBySlot, car.untilSlot),
    powerKw: Math.min(car.chargerMaxKw, car.plugLimitKw ?? Infinity),
    minKw: car.chargerMinKw,
    leftKw: car.needKwh / car.chargerEfficiency / hours,
    doneBy: Infinity,
  };
}

function arrivalsOf(
  known: readonly Charging[],
  axis: SlotAxis,
  hours: number,
  arriving: ReadonlyMap<string, readonly ComingArrival[]>,
): Charging[] {
  const lastPromise = new Map<string, number>();
  for (const { feederId, promisedSlot, leftKw } of known) {
    if (leftKw > ROUNDING_KWH) lastPromise.set(feederId, Math.max(lastPromise.get(feederId) ?? 0, promisedSlot));
  }
  return [...lastPromise].flatMap(([feederId, promisedSlot]) =>
    (arriving.get(feederId) ?? []).map(({ inMs, kwh }) => ({
      car: undefined,
      feederId,
      fromSlot: Math.ceil(inMs / (axis.slotMinutes * MINUTE_MS)),
      untilSlot: axis.count,
      promisedSlot,
      powerKw: Infinity,
      minKw: 0,
      leftKw: kwh / hours,
      doneBy: Infinity,
    })),
  );
}

function carsMayDrawKw(feeder: PlanningProblem['feeders'][number], slot: number): number {
  const limitKw = feeder.importLimitKw[slot] ?? feeder.failSafeImportKw;
  return Math.max(0, limitKw - (feeder.houseLoadKw[slot] ?? 0));
}
