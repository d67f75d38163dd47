import { computePlugKw, heatDerating, sitePlugKw } from '../scheduler/energy/compute.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningCar, PlanningProblem } from '../scheduler/problem.ts';
import { slotHours, slotStartMs } from '../scheduler/time.ts';

/** What computers of one class in one region can do. Powers are kW at the plug. */
export interface Capacity {
  readonly regionId: string;
  readonly hardwareClass: string;
  /** At their plugs, with an owner who lets them compute. */
  readonly cars: number;
  readonly awake: number;
  /** By slot of the plan, from the present one on. */
  readonly curve: readonly CapacitySlot[];
}

export interface CapacitySlot {
  readonly startMs: number;
  /** What is planned, and what else is expected: a car that may have left by then counts by the chance that it has not. */
  readonly kw: number;
  /** Of it, what the plan uses. */
  readonly plannedKw: number;
}

/**
 * What the fleet can compute with, by region and class: cars that are at their plugs now, within their owners' hours,
 * the heat, and what houses and planned charging leave of the feeders' limits. Cars that will come are not in it.
 */
export function fleetCapacity(problem: PlanningProblem, plan: Plan): Capacity[] {
  const { count } = problem.slots;
  const regionOfFeeder = new Map(problem.feeders.map(({ id, regionId }) => [id, regionId]));
  const planned = new Map(plan.cars.map((car) => [car.carId, car]));
  const plugKw = plugPowers(problem);
  const wantedOf = (car: PlanningCar): ((slot: number) => number) => {
    const { pluggedFromSlot, untilSlot, computeAllowed, survival } = car;
    const powers = plugKw.get(groupOf(regionOfFeeder.get(car.feederId), car.hardwareClass));
    return (slot) => {
      if (slot < pluggedFromSlot || slot >= untilSlot || computeAllowed?.[slot] === false) return 0;
      return (powers?.[slot] ?? 0) * (survival?.[slot - pluggedFromSlot] ?? 1);
    };
  };
  const willing = problem.cars.filter(({ computeOptIn }) => computeOptIn);

  /** What a car could compute with beyond what is planned. */
  const restOf = (car: PlanningCar): ((slot: number) => number) => {
    const wantedKw = wantedOf(car);
    const computeKw = planned.get(car.id)?.computeKw;
    return (slot) => Math.max(0, wantedKw(slot) - (computeKw?.[slot] ?? 0));
  };

  /** By feeder and slot: what its cars could compute with beyond the plan, and what they are planned to draw. */
  const wanted = new Map(problem.feeders.map(({ id }) => [id, new Float64Array(count)]));
  const drawn = new Map(problem.feeders.map(({ id }) => [id, new Float64Array(count)]));
  for (const car of willing) addTo(wanted.get(car.feederId), restOf(car));
  for (const { id, feederId } of problem.cars) {
    const car = planned.get(id);
    addTo(drawn.get(feederId), (slot) => (car?.chargeKw[slot] ?? 0) + (car?.computeKw[slot] ?? 0));
  }
  /** Share of that which a feeder has room for. */
  const shares = new Map(
    problem.feeders.map(({ id, importLimitKw, failSafeImportKw, houseLoadKw }) => {
      const share = Float64Array.from({ length: count }, (_, slot) => {
        const limitKw = importLimitKw[slot] ?? failSafeImportKw;
        const spareKw = limitKw - (houseLoadKw[slot] ?? 0) - (drawn.get(id)?.[slot] ?? 0);
        const wantedHereKw = wanted.get(id)?.[slot] ?? 0;
        return wantedHereKw === 0 ? 0 : Math.min(1, Math.max(0, spareKw) / wantedHereKw);
      });
      return [id, share] as const;
    }),
  );

  const groups = new Map<
    string,
    { readonly first: PlanningCar; cars: number; awake: number; kw: Float64Array; plannedKw: Float64Array }
  >();
  for (const car of willing) {
    const key = groupOf(regionOfFeeder.get(car.feederId), car.hardwareClass);
    let group = groups.get(key);
    if (!group) {
      group = { first: car, cars: 0, awake: 0, kw: new Float64Array(count), plannedKw: new Float64Array(count) };
      groups.set(key, group);
    }
    group.cars += 1;
    if (!car.asleep) group.awake += 1;
    const restKw = restOf(car);
    const share = shares.get(car.feederId);
    const computeKw = planned.get(car.id)?.computeKw;
    addTo(group.plannedKw, (slot) => computeKw?.[slot] ?? 0);
    addTo(group.kw, (slot) => (computeKw?.[slot] ?? 0) + restKw(slot) * (share?.[slot] ?? 0));
  }
  return [...groups.entries()]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, { first, cars, awake, kw, plannedKw }]) => ({
      regionId: regionOfFeeder.get(first.feederId) ?? '',
      hardwareClass: first.hardwareClass,
      cars,
      awake,
      curve: Array.from({ length: count }, (_, slot) => ({
        startMs: slotStartMs(problem.slots, slot),
        kw: kw[slot] ?? 0,
        plannedKw: plannedKw[slot] ?? 0,
      })),
    }));
}

/** By region and class: kW at the plug of one computer at the most that the weather of each slot allows. */
export function plugPowers({ regions, hardwareClasses }: PlanningProblem): Map<string, Float64Array> {
  const powers = new Map<string, Float64Array>();
  for (const { id: regionId, ambientCelsius } of regions) {
    for (const { id, chipKw, awakeKw, coolingIncluded } of hardwareClasses) {
      const kw = Float64Array.from(ambientCelsius, (celsius) => {
        const chipNowKw = chipKw * heatDerating(celsius);
        return coolingIncluded ? sitePlugKw(chipNowKw, awakeKw) : computePlugKw(chipNowKw, celsius, awakeKw);
      });
      powers.set(groupOf(regionId, id), kw);
    }
  }
  return powers;
}

export function groupOf(regionId: string | undefined, hardwareClass: string): string {
  return JSON.stringify([regionId, hardwareClass]);
}

function addTo(series: Float64Array | undefined, value: (slot: number) => number): void {
  for (let slot = 0; slot < (series?.length ?? 0); slot++) if (series) series[slot] = (series[slot] ?? 0) + value(slot);
}

/** kWh of a curve from its start until `untilMs`. */
export function energyUntilKwh({ curve }: Capacity, problem: PlanningProblem, untilMs: number): number {
  const hours = slotHours(problem.slots);
  return curve.filter(({ startMs }) => startMs < untilMs).reduce((sum, { kw }) => sum + kw * hours, 0);
}
