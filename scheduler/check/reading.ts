import { coolingKw, heatDerating } from '../energy/compute.ts';
import { ENERGY_PARAMETERS } from '../energy/parameters.ts';
import type { Feeder, PlanningCar, PlanningJob, PlanningProblem, Region } from '../problem.ts';

/**
 * The problem as the checker reads it, straight from the data. It is written apart from scheduler/compile.ts on
 * purpose: a mistake in the planner's reading must not hide itself here.
 */
export interface Reading {
  readonly problem: PlanningProblem;
  readonly slots: number;
  readonly slotHours: number;
  readonly feederOf: (car: PlanningCar) => Feeder;
  readonly regionOf: (feeder: Feeder) => Region;
  /** EUR per kWh, carbon weight included. */
  readonly cost: (region: Region, slot: number) => number;
  /** EUR per kWh that is planned for the car and slot: its cost, or what the owner lacks if the car has left. */
  readonly chargeCost: (car: PlanningCar, slot: number) => number;
  /** kW that cars may draw. */
  readonly feederKw: (feeder: Feeder, slot: number) => number;
  readonly substationKw: (substationId: string, slot: number) => number;
  /** kW at the plug of a car of the class that computes with all that temperature allows. */
  readonly classPlugKw: (region: Region, hardwareClass: string, slot: number) => number;
  /** kW that the car may be charged with in the slot: 0 where it is colder than its battery allows. */
  readonly chargeKw: (car: PlanningCar, slot: number) => number;
  /** Part of its class's compute power that the car may use, charge aside. */
  readonly share: (car: PlanningCar, slot: number) => number;
  readonly survival: (car: PlanningCar, slot: number) => number;
  /** Shards per slot of one car of the class with all that temperature allows; 0 where the job may not run. */
  readonly shardsPerSlot: (job: PlanningJob, region: Region, hardwareClass: string, slot: number) => number;
  readonly ownerPenaltyEurPerKwh: number;
  readonly jobPenaltyEurPerShard: (job: PlanningJob) => number;
}

/**
 * Reads a problem for the checker.
 * @param problem as `planningProblemSchema` accepts it; a value that is missing throws a RangeError when it is read
 */
export function readProblem(problem: PlanningProblem): Reading {
  const regions = new Map(problem.regions.map((region) => [region.id, region]));
  const feeders = new Map(problem.feeders.map((feeder) => [feeder.id, feeder]));
  const substations = new Map(problem.substations.map((substation) => [substation.id, substation]));
  const classes = new Map(problem.hardwareClasses.map((hardware) => [hardware.id, hardware]));
  const slotHours = problem.slots.slotMinutes / 60;
  const cost: Reading['cost'] = (region, slot) =>
    need(region.priceEurPerKwh[slot]) + (need(region.carbonGPerKwh[slot]) / 1000) * problem.weights.carbonEurPerKg;
  const feederOf = (car: PlanningCar): Feeder => need(feeders.get(car.feederId));
  const regionOf = (feeder: Feeder): Region => need(regions.get(feeder.regionId));
  const chipKw = (region: Region, hardwareClass: string, slot: number): number =>
    need(classes.get(hardwareClass)).chipKw * heatDerating(need(region.ambientCelsius[slot]));
  const classPlugKw: Reading['classPlugKw'] = (region, hardwareClass, slot) => {
    const chip = chipKw(region, hardwareClass, slot);
    if (chip === 0) return 0;
    if (region.plugKwPerChipKw) return chip * need(region.plugKwPerChipKw[slot]);
    const { awakeKw, coolingIncluded } = need(classes.get(hardwareClass));
    if (coolingIncluded) return chip + awakeKw;
    const loadKw = chip + awakeKw + coolingKw(chip, need(region.ambientCelsius[slot]));
    return loadKw / ENERGY_PARAMETERS.wallToLoadEfficiency.value;
  };
  const shardsPerSlot: Reading['shardsPerSlot'] = (job, region, hardwareClass, slot) => {
    const entry = job.classes.findLast((candidate) => candidate.hardwareClass === hardwareClass);
    if (entry === undefined || !job.regionIds.includes(region.id)) return 0;
    if (slot < job.windowStartSlot || slot >= job.windowEndSlot) return 0;
    if (job.priceCapEurPerKwh !== undefined && need(region.priceEurPerKwh[slot]) > job.priceCapEurPerKwh) return 0;
    if (job.carbonCapGPerKwh !== undefined && need(region.carbonGPerKwh[slot]) > job.carbonCapGPerKwh) return 0;
    return (problem.slots.slotMinutes / entry.shardMinutes) * heatDerating(need(region.ambientCelsius[slot]));
  };
  const slots = Array.from({ length: problem.slots.count }, (_, slot) => slot);
  const highestCost = problem.regions
    .flatMap((region) => slots.map((slot) => Math.abs(cost(region, slot))))
    .reduce((highest, value) => Math.max(highest, value), 0.01);
  /** Once for each job: the bound asks for it at every gate. */
  const jobPenalty = new Map(
    problem.jobs.map((job) => {
      const kwhPerShard = problem.regions.flatMap((region) =>
        job.classes.flatMap(({ hardwareClass }) =>
          slots.map((slot) => {
            const shards = shardsPerSlot(job, region, hardwareClass, slot);
            return shards > 0 ? (classPlugKw(region, hardwareClass, slot) * slotHours) / shards : 0;
          }),
        ),
      );
      const mostKwh = kwhPerShard.reduce((most, kwh) => Math.max(most, kwh), 1e-6);
      return [job.id, job.lateEurPerShard ?? 10 * highestCost * (1 + job.priority) * mostKwh];
    }),
  );
  return {
    problem,
    slots: problem.slots.count,
    slotHours,
    feederOf,
    regionOf,
    cost,
    classPlugKw,
    shardsPerSlot,
    feederKw: (feeder, slot) => {
      const limitKw = feeder.importLimitKw[slot] ?? feeder.failSafeImportKw;
      return Math.max(0, limitKw - need(feeder.houseLoadKw[slot]));
    },
    substationKw: (substationId, slot) => {
      const substation = need(substations.get(substationId));
      return substation.importLimitKw[slot] ?? substation.failSafeImportKw;
    },
    chargeKw: (car, slot) => {
      const celsius = need(regionOf(feederOf(car)).ambientCelsius[slot]);
      if (car.chargeFromCelsius !== undefined && celsius < car.chargeFromCelsius) return 0;
      return Math.min(car.chargerMaxKw, car.plugLimitKw ?? Infinity);
    },
    share: (car, slot) => {
      if (!car.computeOptIn || car.computeAllowed?.[slot] === false) return 0;
      if (slot < car.pluggedFromSlot || slot >= car.untilSlot) return 0;
      const mostKwh = (slot - car.pluggedFromSlot) * slotHours * car.chargerMaxKw * car.chargerEfficiency;
      if (car.computeFloorNeedKwh > mostKwh * (1 + 1e-12)) return 0;
      const allowedKw = chipKw(regionOf(feederOf(car)), car.hardwareClass, slot);
      if (allowedKw === 0) return 0;
      return Math.min(1, (car.computeCapChipKw?.[slot] ?? allowedKw) / allowedKw);
    },
    survival,
    chargeCost: (car, slot) => {
      const present = survival(car, slot);
      const price = cost(regionOf(feederOf(car)), slot);
      return present * price + (1 - present) * Math.max(price, car.missingEurPerKwh * car.chargerEfficiency);
    },
    ownerPenaltyEurPerKwh: 1e5 * highestCost,
    jobPenaltyEurPerShard: (job) => need(jobPenalty.get(job.id)),
  };
}

function survival(car: PlanningCar, slot: number): number {
  const curve = car.survival ?? [];
  return curve[Math.min(slot - car.pluggedFromSlot, curve.length - 1)] ?? 1;
}

/** The schema has already refused problems in which a value is missing; a defect must not read as 0. */
export function need<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new RangeError('The problem was not accepted by planningProblemSchema.');
  return value;
}
