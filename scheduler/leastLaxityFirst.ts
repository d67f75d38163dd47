import { MINUTE_MS } from '../domain/durations.ts';
import type { ComingArrival } from './arrivals.ts';
import { at } from './columns.ts';
import { grouped } from '../domain/grouped.ts';
import { cheapestFirst } from './solve/cheapestFirst.ts';
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
  const hours = slotHours(problem.slots);
  const known = problem.cars.map((car) => chargingOf(car, hours));
  const all = [...known, ...arrivalsOf(known, problem.slots, hours, events.arriving)];
  const places = placesOf(problem);
  // Only cars of one feeder, or behind one substation, take power from each other.
  const placed = all.flatMap((entry) => {
    const place = places.get(entry.feederId);
    return place && entry.leftKw > ROUNDING_KWH ? [{ entry, place }] : [];
  });
  const sharing = grouped(placed, ({ place }) => place.stationKw ?? place.feederKw);
  for (const entries of sharing.values()) charge(entries, problem.slots.count, events.waitSlots);
  return all;
}

/** What a feeder and its substation have left for cars, by slot. */
interface Place {
  readonly feederKw: Float64Array;
  /** Shared by all feeders of the substation; undefined without one. */
  readonly stationKw: Float64Array | undefined;
  readonly celsius: readonly number[];
}

function placesOf({ feeders, regions, substations, slots }: PlanningProblem): ReadonlyMap<string, Place> {
  const celsiusOf = new Map(regions.map((region) => [region.id, region.ambientCelsius]));
  const stationOf = new Map(
    substations.map((station) => [
      station.id,
      Float64Array.from({ length: slots.count }, (_, t) => station.importLimitKw[t] ?? station.failSafeImportKw),
    ]),
  );
  return new Map(
    feeders.map((feeder) => {
      const stationKw = feeder.substationId === undefined ? undefined : stationOf.get(feeder.substationId);
      const feederKw = Float64Array.from({ length: slots.count }, (_, t) => carsMayDrawKw(feeder, t));
      return [feeder.id, { feederKw, stationKw, celsius: celsiusOf.get(feeder.regionId) ?? [] }];
    }),
  );
}

interface PlacedCharging {
  readonly entry: Charging;
  readonly place: Place;
}

/** Charges what shares limits: slot by slot, in order of laxity, each as much as it can. Takes it off what places have left. */
function charge(entries: readonly PlacedCharging[], slots: number, waitSlots: number): void {
  const laxity = new Float64Array(entries.length);
  const order = new Int32Array(entries.length);
  let open = entries;
  for (let t = 0; t < slots && open.length > 0; t++) {
    open = open.filter(({ entry }) => entry.leftKw > ROUNDING_KWH && t < entry.untilSlot);
    const charging = open.filter(({ entry, place }) => {
      if (t < entry.fromSlot || (entry.car && isTooCold(entry.car, place.celsius[t] ?? Infinity))) return false;
      return t >= waitSlots || laxitySlots(t, entry.promisedSlot, entry.leftKw, entry.powerKw) < 1;
    });
    for (const [index, { entry }] of charging.entries()) {
      laxity[index] = laxitySlots(t, entry.promisedSlot, entry.leftKw, entry.powerKw);
    }
    cheapestFirst(laxity, charging.length, order);
    for (let rank = 0; rank < charging.length; rank++) {
      const { entry, place } = charging[at(order, rank)] ?? {};
      if (!entry || !place) continue;
      const mostKw = Math.min(
        entry.powerKw,
        at(place.feederKw, t),
        place.stationKw ? at(place.stationKw, t) : Infinity,
      );
      const kw = chargeNowKw(entry.leftKw, mostKw, entry.minKw);
      if (kw === 0) continue;
      place.feederKw[t] = at(place.feederKw, t) - kw;
      if (place.stationKw) place.stationKw[t] = at(place.stationKw, t) - kw;
      entry.leftKw -= kw;
      if (entry.leftKw <= ROUNDING_KWH) entry.doneBy = t + 1;
    }
  }
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
