import { isTooCold } from './energy/battery.ts';
import { computePlugKw, heatDerating, sitePlugKw } from './energy/compute.ts';
import type { PlanningCar, PlanningProblem } from './problem.ts';
import { slotHours } from './time.ts';

/**
 * The problem as columns of numbers, for solvers that go over a million cars. Matrices are flat, row by row, with
 * `slots` columns: `feederCapKw[feeder * slots + slot]`.
 */
export interface CompiledProblem extends CompiledGrid {
  readonly cars: CarColumns;
  readonly jobs: readonly CompiledJob[];
}

interface CompiledGrid {
  readonly slots: number;
  readonly slotHours: number;
  readonly regions: number;
  readonly feeders: number;
  readonly substations: number;
  readonly classes: number;
  /** Price plus carbon weight, EUR per kWh at the plug, by region and slot. */
  readonly unitCostEurPerKwh: Float64Array;
  readonly regionOfFeeder: Int32Array;
  /** -1 where a feeder has no substation. */
  readonly substationOfFeeder: Int32Array;
  /** What cars may draw: limit or fail-safe, less house load, at least 0. */
  readonly feederCapKw: Float64Array;
  readonly substationCapKw: Float64Array;
  /** Power at the plug of a car that computes, by (region, class, slot): index (region * classes + class) * slots. */
  readonly computePlugKw: Float64Array;
  /** Part of the chip power that the temperature allows, by region and slot. */
  readonly derate: Float64Array;
  /** EUR per kWh of owner's energy that is not served by ready-by; above every cost and every job. */
  readonly ownerPenaltyEurPerKwh: number;
}

/** One value per car. Energies are in kW·slots at the plug: kWh in the battery / efficiency / slot hours. */
export interface CarColumns {
  readonly count: number;
  readonly feeder: Int32Array;
  readonly hardwareClass: Int32Array;
  readonly from: Int32Array;
  /** End of the slots that count towards ready-by. */
  readonly chargeUntil: Int32Array;
  readonly until: Int32Array;
  readonly maxKw: Float64Array;
  readonly minKw: Float64Array;
  readonly energyKwSlots: Float64Array;
  readonly minimumKwSlots: Float64Array;
  readonly efficiency: Float64Array;
  /** What a kWh at the plug is worth to the owner that is missing when the car leaves. */
  readonly missingEurPerKwh: Float64Array;
  /** Most kW that it takes in a slot: `maxKw`, or 0 where its battery is too cold to be charged. */
  readonly chargeCapKw: (car: number, slot: number) => number;
  /** Part of its class's compute power that a car may use in a slot: 0 where it may not compute at all. */
  readonly computeShare: (car: number, slot: number) => number;
  /** Probability that it is still plugged in. */
  readonly survival: (car: number, slot: number) => number;
}

export interface CompiledJob {
  readonly shards: number;
  readonly priority: number;
  readonly from: number;
  readonly until: number;
  /** Shards that a car of the class finishes in one slot at full chip power; 0 for classes that may not serve it. */
  readonly shardsPerSlot: Float64Array;
  /** 1 where window, region and the price and carbon caps let it run, by (region, slot). */
  readonly allowed: Uint8Array;
  /** EUR per shard left undone at the end of its window: what its submitter says, else above every cost. */
  readonly penaltyEurPerShard: number;
}

/** Reads a problem into columns. Anything but a problem that `planningProblemSchema` has accepted throws a RangeError. */
export function compileProblem(problem: PlanningProblem): CompiledProblem {
  const grid = compileGrid(problem);
  return { ...grid, cars: compileCars(problem, grid), jobs: compileJobs(problem, grid) };
}

function compileGrid(problem: PlanningProblem): CompiledGrid {
  const slots = problem.slots.count;
  const { regions, feeders, substations, hardwareClasses } = problem;
  const unitCostEurPerKwh = new Float64Array(regions.length * slots);
  const derate = new Float64Array(regions.length * slots);
  const plugKw = new Float64Array(regions.length * hardwareClasses.length * slots);
  for (const [r, region] of regions.entries()) {
    for (let t = 0; t < slots; t++) {
      const ambientCelsius = required(region.ambientCelsius, t);
      unitCostEurPerKwh[r * slots + t] =
        required(region.priceEurPerKwh, t) +
        (problem.weights.carbonEurPerKg * required(region.carbonGPerKwh, t)) / 1000;
      derate[r * slots + t] = heatDerating(ambientCelsius);
      for (const [h, hardware] of hardwareClasses.entries()) {
        const chipKw = hardware.chipKw * heatDerating(ambientCelsius);
        plugKw[(r * hardwareClasses.length + h) * slots + t] = region.plugKwPerChipKw
          ? chipKw * required(region.plugKwPerChipKw, t)
          : hardware.coolingIncluded
            ? sitePlugKw(chipKw, hardware.awakeKw)
            : computePlugKw(chipKw, ambientCelsius, hardware.awakeKw);
      }
    }
  }
  return {
    slots,
    slotHours: slotHours(problem.slots),
    regions: regions.length,
    feeders: feeders.length,
    substations: substations.length,
    classes: hardwareClasses.length,
    unitCostEurPerKwh,
    regionOfFeeder: Int32Array.from(feeders, (feeder) => indexOf(regions, feeder.regionId)),
    substationOfFeeder: Int32Array.from(feeders, (feeder) =>
      feeder.substationId === undefined ? -1 : indexOf(substations, feeder.substationId),
    ),
    feederCapKw: matrix(feeders, slots, (feeder, t) =>
      Math.max(0, (feeder.importLimitKw[t] ?? feeder.failSafeImportKw) - required(feeder.houseLoadKw, t)),
    ),
    substationCapKw: matrix(substations, slots, (station, t) => station.importLimitKw[t] ?? station.failSafeImportKw),
    computePlugKw: plugKw,
    derate,
    ownerPenaltyEurPerKwh: OWNER_PENALTY_FACTOR * penaltyBase(unitCostEurPerKwh),
  };
}

/**
 * Penalties order the hard rules above cost: far above any price, jobs by priority, owners above all jobs. They are
 * weights of the planner, not money.
 */
const PENALTY_OVER_COST = 10;
const OWNER_PENALTY_FACTOR = 10_000;

function penaltyBase(unitCostEurPerKwh: Float64Array): number {
  let highest = 0.01;
  for (const cost of unitCostEurPerKwh) highest = Math.max(highest, Math.abs(cost));
  return PENALTY_OVER_COST * highest;
}

function compileCars(problem: PlanningProblem, grid: CompiledGrid): CarColumns {
  const { cars } = problem;
  const feederIndex = new Map(problem.feeders.map((feeder, index) => [feeder.id, index]));
  const classIndex = new Map(problem.hardwareClasses.map((hardware, index) => [hardware.id, index]));
  const feeder = Int32Array.from(cars, (car) => feederIndex.get(car.feederId) ?? -1);
  const hardwareClass = Int32Array.from(cars, (car) => classIndex.get(car.hardwareClass) ?? -1);
  const maxKw = Float64Array.from(cars, (car) => Math.min(car.chargerMaxKw, car.plugLimitKw ?? Infinity));
  const kwSlots = (car: PlanningCar, kwh: number): number => kwh / car.chargerEfficiency / grid.slotHours;
  return {
    count: cars.length,
    feeder,
    hardwareClass,
    from: Int32Array.from(cars, (car) => car.pluggedFromSlot),
    chargeUntil: Int32Array.from(cars, (car) =>
      Math.max(car.pluggedFromSlot, Math.min(car.readyBySlot, car.untilSlot)),
    ),
    until: Int32Array.from(cars, (car) => car.untilSlot),
    maxKw,
    minKw: Float64Array.from(cars, (car) => car.chargerMinKw),
    energyKwSlots: Float64Array.from(cars, (car) => kwSlots(car, car.needKwh)),
    minimumKwSlots: Float64Array.from(cars, (car) => kwSlots(car, car.minimumNeedKwh)),
    efficiency: Float64Array.from(cars, (car) => car.chargerEfficiency),
    missingEurPerKwh: Float64Array.from(cars, (car) => car.missingEurPerKwh * car.chargerEfficiency),
    chargeCapKw: (index, slot) => {
      const region = required(problem.regions, grid.regionOfFeeder[feeder[index] ?? 0] ?? 0);
      return isTooCold(required(cars, index), required(region.ambientCelsius, slot)) ? 0 : (maxKw[index] ?? 0);
    },
    computeShare: (index, slot) => {
      const car = required(cars, index);
      if (!car.computeOptIn || slot < car.pluggedFromSlot || slot >= car.untilSlot) return 0;
      if (car.computeAllowed?.[slot] === false) return 0;
      // The earliest slot in which the battery can have reached the floor; charging decides whether it has.
      const floorKwSlots = kwSlots(car, car.computeFloorNeedKwh);
      if (floorKwSlots > (slot - car.pluggedFromSlot) * car.chargerMaxKw * (1 + 1e-12)) return 0;
      const region = grid.regionOfFeeder[feeder[index] ?? 0] ?? 0;
      const chipKw =
        required(problem.hardwareClasses, hardwareClass[index] ?? 0).chipKw *
        (grid.derate[region * grid.slots + slot] ?? 0);
      if (chipKw <= 0) return 0;
      return Math.min(1, (car.computeCapChipKw?.[slot] ?? chipKw) / chipKw);
    },
    survival: (index, slot) => {
      const car = required(cars, index);
      const curve = car.survival;
      if (curve === undefined || curve.length === 0) return 1;
      return required(curve, Math.min(curve.length - 1, Math.max(0, slot - car.pluggedFromSlot)));
    },
  };
}

function compileJobs(problem: PlanningProblem, grid: CompiledGrid): CompiledJob[] {
  const { slots } = grid;
  const base = penaltyBase(grid.unitCostEurPerKwh);
  return problem.jobs.map((job) => {
    const shardsPerSlot = new Float64Array(grid.classes);
    for (const { hardwareClass, shardMinutes } of job.classes) {
      shardsPerSlot[indexOf(problem.hardwareClasses, hardwareClass)] = problem.slots.slotMinutes / shardMinutes;
    }
    const allowed = new Uint8Array(grid.regions * slots);
    let mostKwhPerShard = 0;
    for (const [r, region] of problem.regions.entries()) {
      if (!job.regionIds.includes(region.id)) continue;
      for (let t = job.windowStartSlot; t < Math.min(slots, job.windowEndSlot); t++) {
        if (required(region.priceEurPerKwh, t) > (job.priceCapEurPerKwh ?? Infinity)) continue;
        if (required(region.carbonGPerKwh, t) > (job.carbonCapGPerKwh ?? Infinity)) continue;
        allowed[r * slots + t] = 1;
        for (let h = 0; h < grid.classes; h++) {
          const shards = (shardsPerSlot[h] ?? 0) * (grid.derate[r * slots + t] ?? 0);
          if (shards <= 0) continue;
          const kwh = (grid.computePlugKw[(r * grid.classes + h) * slots + t] ?? 0) * grid.slotHours;
          mostKwhPerShard = Math.max(mostKwhPerShard, kwh / shards);
        }
      }
    }
    return {
      shards: job.shardsRemaining,
      priority: job.priority,
      from: Math.min(slots, job.windowStartSlot),
      until: Math.min(slots, job.windowEndSlot),
      shardsPerSlot,
      allowed,
      penaltyEurPerShard: job.lateEurPerShard ?? base * (1 + job.priority) * Math.max(mostKwhPerShard, 1e-6),
    };
  });
}

/**
 * What a kWh at the plug costs that is planned for a slot: its price if the car is still there, and what it is worth to
 * the owner if it has left without it. Missing energy counts for no less than the price, so that no plan gains by a
 * car's being gone.
 * @param survival probability that the car is still there
 */
export function expectedEurPerKwh(unitCostEurPerKwh: number, survival: number, missingEurPerKwh: number): number {
  return unitCostEurPerKwh + (1 - survival) * Math.max(0, missingEurPerKwh - unitCostEurPerKwh);
}

function matrix<Row>(rows: readonly Row[], slots: number, value: (row: Row, slot: number) => number): Float64Array {
  const flat = new Float64Array(rows.length * slots);
  for (const [index, row] of rows.entries()) {
    for (let t = 0; t < slots; t++) flat[index * slots + t] = value(row, t);
  }
  return flat;
}

function indexOf(things: readonly { readonly id: string }[], id: string): number {
  return things.findIndex((thing) => thing.id === id);
}

function required<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`No value at ${index} of ${values.length}.`);
  return value;
}
