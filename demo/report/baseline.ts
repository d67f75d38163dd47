import { HOUR_MS } from '../../domain/durations.ts';
import { HARDWARE_CLASSES } from '../../domain/hardwareClasses.ts';
import { computeCapKw } from '../../scheduler/energy/compute.ts';
import type { FeederFacts, NightFacts, RegionFacts, VehicleFacts } from './facts.ts';
import { overlapHours, slotAt } from './slots.ts';

/** Named beside the figures wherever they are shown. */
export const BASELINE_METHOD =
  'The same energy without a plan: every car charges from plug-in on at its full charger power, in order of arrival, ' +
  'within the same feeder limits; the batch runs from its submission on all cars that are plugged in, at full speed, ' +
  'on what charging leaves of the limits. Energy that does not fit before the end counts in the last slot. Same ' +
  'prices and average carbon intensities.';

export interface Footprint {
  readonly costEur: number;
  readonly gramsCo2: number;
}

/** What the metered energy cost, slot by slot. */
export function plannedFootprint(facts: NightFacts): Footprint {
  const tally = new Tally();
  for (const vehicle of facts.vehicles) {
    const region = regionOf(facts, vehicle);
    for (const { slotStartMs, chargingKwh, computeKwh } of vehicle.meter) {
      tally.add(region, slotStartMs, chargingKwh + computeKwh);
    }
  }
  return tally;
}

/** What the same energy would have cost when run at once and charged on arrival: see BASELINE_METHOD. */
export function runNowFootprint(facts: NightFacts): Footprint {
  const tally = new Tally();
  const charges = chargesInOrderOfArrival(facts);
  let computeLeftKwh = sum(facts.vehicles.flatMap(({ meter }) => meter.map(({ computeKwh }) => computeKwh)));
  const slotStarts = slotStartsOf(facts);
  for (const slotStartMs of slotStarts) {
    const freeKwh = new Map(facts.feeders.map((feeder) => [feeder.id, freeEnergyKwh(facts, feeder, slotStartMs)]));
    const take = (vehicle: VehicleFacts, wantedKwh: number): number => {
      const takenKwh = Math.min(wantedKwh, freeKwh.get(vehicle.feederId) ?? 0);
      freeKwh.set(vehicle.feederId, (freeKwh.get(vehicle.feederId) ?? 0) - takenKwh);
      tally.add(regionOf(facts, vehicle), slotStartMs, takenKwh);
      return takenKwh;
    };
    for (const charge of charges) {
      const hours = overlapHours(slotStartMs, facts.slotMs, charge.pluggedInAtMs, charge.unpluggedAtMs);
      charge.leftKwh -= take(charge.vehicle, Math.min(charge.leftKwh, charge.vehicle.charger.maxKw * hours));
    }
    for (const vehicle of facts.vehicles) {
      computeLeftKwh -= take(vehicle, Math.min(computeLeftKwh, fullSpeedKwh(facts, vehicle, slotStartMs)));
    }
  }
  const lastSlotMs = slotStarts.at(-1) ?? facts.submittedAtMs;
  for (const { vehicle, leftKwh } of charges) tally.add(regionOf(facts, vehicle), lastSlotMs, leftKwh);
  const [anyVehicle] = facts.vehicles;
  if (anyVehicle) tally.add(regionOf(facts, anyVehicle), lastSlotMs, computeLeftKwh);
  return tally;
}

class Tally implements Footprint {
  costEur = 0;
  gramsCo2 = 0;

  add(region: RegionFacts, atMs: number, kwh: number): void {
    const slot = slotAt(region.slots, atMs);
    this.costEur += kwh * slot.priceEurPerKwh;
    this.gramsCo2 += kwh * slot.gramsCo2PerKwh;
  }
}

interface Charge {
  readonly vehicle: VehicleFacts;
  readonly pluggedInAtMs: number;
  readonly unpluggedAtMs: number;
  leftKwh: number;
}

/** What each stay took for its battery, first come first served. */
function chargesInOrderOfArrival(facts: NightFacts): Charge[] {
  const charges = facts.vehicles.flatMap((vehicle) => {
    const stays = vehicle.stays.map(({ pluggedInAtMs, unpluggedAtMs = Infinity }): Charge => ({
      vehicle,
      pluggedInAtMs,
      unpluggedAtMs,
      leftKwh: 0,
    }));
    for (const { slotStartMs, chargingKwh } of vehicle.meter) {
      // Each slot goes to one stay, the last that had begun by its end, so that no energy counts twice.
      const begun = stays.filter(({ pluggedInAtMs }) => pluggedInAtMs < slotStartMs + facts.slotMs);
      const stay = begun.at(-1) ?? stays[0];
      if (stay) stay.leftKwh += chargingKwh;
    }
    return stays;
  });
  return charges.sort((a, b) => a.pluggedInAtMs - b.pluggedInAtMs);
}

function freeEnergyKwh(facts: NightFacts, feeder: FeederFacts, slotStartMs: number): number {
  return (Math.max(0, slotAt(feeder.slots, slotStartMs).availableKw) * facts.slotMs) / HOUR_MS;
}

/** What the car's computer takes within the slot when nothing holds it back. */
function fullSpeedKwh(facts: NightFacts, vehicle: VehicleFacts, slotStartMs: number): number {
  const { ambientC } = slotAt(regionOf(facts, vehicle).slots, slotStartMs);
  const plugKw = computeCapKw(HARDWARE_CLASSES[vehicle.hardwareClass].chipKw, ambientC);
  const hours = vehicle.stays.map(({ pluggedInAtMs, unpluggedAtMs = Infinity }) =>
    overlapHours(slotStartMs, facts.slotMs, Math.max(pluggedInAtMs, facts.submittedAtMs), unpluggedAtMs),
  );
  return plugKw * sum(hours);
}

function slotStartsOf(facts: NightFacts): number[] {
  const all = facts.feeders.flatMap(({ slots }) => slots.map(({ startMs }) => startMs));
  return [...new Set(all)].sort((a, b) => a - b);
}

export function regionOf(facts: NightFacts, vehicle: VehicleFacts): RegionFacts {
  const feeder = facts.feeders.find(({ id }) => id === vehicle.feederId);
  const region = facts.regions.find(({ id }) => id === feeder?.regionId);
  if (region) return region;
  throw new RangeError(`vehicle ${vehicle.id}: no region is known for its feeder ${vehicle.feederId}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
