import { z } from 'zod';

import { numberOrNullSeries, numberSeries } from './numberSeries.ts';
import { planReasonSchema } from './reasons.ts';
import { slotAxisSchema } from './time.ts';

/**
 * What the planner is asked. Everything is data: powers in kW at the plug unless the name says chip, energies in kWh,
 * slots as indices on `slots`, ranges half-open. Series have one value per slot of the axis. docs/planner.md shows the
 * JSON form with an example.
 */

const id = z.string().min(1);
const slotIndex = z.number().int().min(0);
const nonNegative = z.number().min(0);

const regionSchema = z.object({
  id,
  priceEurPerKwh: numberSeries(),
  carbonGPerKwh: numberSeries({ min: 0 }),
  ambientCelsius: numberSeries(),
  /**
   * Power at the plug per chip power, by slot, cooling and awake load included. Left out, it follows from the ambient
   * temperature and the class (scheduler/energy/compute.ts).
   */
  plugKwPerChipKw: numberSeries({ min: 1 }).optional(),
  /** Where a signal was missing and what was used instead; handed on in the plan. */
  fallbacks: z.array(planReasonSchema).default([]),
});

const substationSchema = z.object({
  id,
  /** Cap on the import of the cars of all its feeders together; null where unknown or expired. */
  importLimitKw: numberOrNullSeries({ min: 0 }),
  /** In force where `importLimitKw` is null. An unknown limit is never "unlimited". */
  failSafeImportKw: nonNegative.default(0),
});

const feederSchema = z.object({
  id,
  regionId: id,
  substationId: id.optional(),
  /** Cap on houses and cars together; null where unknown or expired. */
  importLimitKw: numberOrNullSeries({ min: 0 }),
  /** In force where `importLimitKw` is null. An unknown limit is never "unlimited". */
  failSafeImportKw: nonNegative.default(0),
  /** What the houses on the feeder draw; the cars share what is left. */
  houseLoadKw: numberSeries({ min: 0 }),
});

const hardwareClassSchema = z.object({
  id,
  /** The computer alone, without cooling and awake load. */
  chipKw: z.number().positive(),
  /** What keeps the car awake while it computes, battery side. */
  awakeKw: nonNegative.default(0.25),
  /** A computer at a charging site: cooling is part of `chipKw`, and it runs straight from the wall. */
  coolingIncluded: z.boolean().optional(),
});

/** About what a kWh costs at a public charging point. */
const DEFAULT_MISSING_EUR_PER_KWH = 0.6;

const carSchema = z
  .object({
    id,
    feederId: id,
    hardwareClass: id,
    /** Plugged in during [pluggedFromSlot, untilSlot); from 0 for a car that is at the plug now. */
    pluggedFromSlot: slotIndex,
    untilSlot: slotIndex,
    /** Charging counts towards the target in [pluggedFromSlot, min(readyBySlot, untilSlot)). */
    readyBySlot: slotIndex,
    /**
     * Probability that the car is still plugged in during slot pluggedFromSlot + k, from 1 falling. Expected work is
     * discounted by it. Left out: 1 throughout.
     */
    survival: numberSeries({ min: 0, max: 1 }).optional(),
    chargerMaxKw: nonNegative,
    /** Least power that the car accepts; it charges with at least this or not at all. */
    chargerMinKw: nonNegative.default(0),
    /** Cap on charge and compute together; left out, each has only its own. */
    plugLimitKw: nonNegative.optional(),
    /** Wall to battery. */
    chargerEfficiency: z.number().gt(0).max(1),
    /** It is not charged in slots that are colder than this; left out: its battery has no such limit. */
    chargeFromCelsius: z.number().optional(),
    /** Battery energy missing to the owner's target at ready-by. */
    needKwh: nonNegative,
    /**
     * What a kWh is worth to the owner that is missing in the battery when the car leaves, EUR: what it costs to charge
     * it elsewhere. Left out: what public charging costs.
     */
    missingEurPerKwh: nonNegative.default(DEFAULT_MISSING_EUR_PER_KWH),
    /** Part of `needKwh` that lies below the owner's minimum SoC: charged at once at any price. */
    minimumNeedKwh: nonNegative.default(0),
    /** Battery energy missing to the SoC below which the car does not compute; 0 when it is above. */
    computeFloorNeedKwh: nonNegative.default(0),
    computeOptIn: z.boolean().default(true),
    /** Slots in which the owner allows compute; left out: all. */
    computeAllowed: z.array(z.boolean()).optional(),
    /** Cap on chip power by slot, below what class and temperature allow. */
    computeCapChipKw: numberSeries({ min: 0 }).optional(),
    asleep: z.boolean().default(false),
    /** What waking this car costs, in fees. */
    wakeCostEur: nonNegative.default(0),
    /** State before slot 0, for hysteresis and for counting starts. */
    chargingNow: z.boolean().default(false),
    computingNow: z.boolean().default(false),
    /** Charge starts in this stay so far. */
    chargeStartsSoFar: z.number().int().min(0).default(0),
    /** Slots since charging last started or stopped; left out: long ago. */
    slotsInChargeState: z.number().int().min(0).optional(),
  })
  .refine((car) => car.pluggedFromSlot <= car.untilSlot, {
    path: ['untilSlot'],
    message: 'must not be before pluggedFromSlot',
  })
  .refine((car) => car.minimumNeedKwh <= car.needKwh, {
    path: ['minimumNeedKwh'],
    message: 'must not be above needKwh, of which it is a part',
  })
  .refine((car) => car.chargerMinKw <= car.chargerMaxKw, {
    path: ['chargerMinKw'],
    message: 'must not be above chargerMaxKw',
  });

export const jobSchema = z
  .object({
    id,
    modelFamily: z.string().default('default'),
    /** Whole shards that nobody has finished, those in flight included. */
    shardsRemaining: z.number().int().min(0),
    /**
     * Where it may run and how long one shard takes there at full chip power. Device energy of a shard is
     * chipKw · shardMinutes / 60.
     */
    classes: z.array(z.object({ hardwareClass: id, shardMinutes: z.number().positive() })).min(1),
    regionIds: z.array(id).min(1),
    /** It may run in [windowStartSlot, windowEndSlot). */
    windowStartSlot: slotIndex,
    windowEndSlot: slotIndex,
    /** Higher is served first when not all jobs fit. */
    priority: z.number().int().min(0).max(9).default(5),
    /**
     * What a shard is worth that is not done by the end of the window, EUR: its price, or what a cloud takes for it.
     * Left out: more than any energy that the shard could take, by priority.
     */
    lateEurPerShard: nonNegative.optional(),
    /** It only runs in slots whose price is at most this. */
    priceCapEurPerKwh: z.number().optional(),
    /** It only runs in slots whose carbon intensity is at most this. */
    carbonCapGPerKwh: nonNegative.optional(),
  })
  .refine((job) => job.windowStartSlot <= job.windowEndSlot, {
    path: ['windowEndSlot'],
    message: 'must not be before windowStartSlot',
  });

const planningRulesSchema = z.object({
  /** Charge starts in one stay; more make some cars refuse to charge. */
  maxChargeStarts: z.number().int().min(1).default(4),
  /** Least time in each state of charging. */
  minStateMinutes: nonNegative.default(15),
  /** Wake-ups that may be sent in one slot. */
  maxWakeUpsPerSlot: z.number().int().min(0).default(100),
  /** Rise of a feeder's car load from one slot to the next. Left out: no ramp limit. */
  maxRampUpKwPerSlot: z.number().positive().optional(),
  /** Starts of one slot on one feeder are spread over so many seconds, so that they do not meet as a new peak. */
  startSpreadSeconds: nonNegative.default(60),
  /** A new plan moves a running car only when that saves at least this. */
  hysteresisEurPerKwh: nonNegative.default(0.002),
});

export const planningProblemSchema = z
  .object({
    version: z.literal(1).default(1),
    slots: slotAxisSchema,
    regions: z.array(regionSchema).min(1),
    substations: z.array(substationSchema).default([]),
    feeders: z.array(feederSchema),
    hardwareClasses: z.array(hardwareClassSchema).default([]),
    cars: z.array(carSchema),
    jobs: z.array(jobSchema).default([]),
    weights: z.object({ carbonEurPerKg: nonNegative.default(0) }).prefault({}),
    rules: planningRulesSchema.prefault({}),
  })
  .superRefine((problem, context) => {
    for (const issue of inconsistencies(problem)) context.addIssue({ code: 'custom', ...issue });
  });

export type Region = z.infer<typeof regionSchema>;
type Substation = z.infer<typeof substationSchema>;
export type Feeder = z.infer<typeof feederSchema>;
type PlanningHardwareClass = z.infer<typeof hardwareClassSchema>;
export type PlanningCar = z.infer<typeof carSchema>;
export type PlanningJob = z.infer<typeof jobSchema>;
export type PlanningRules = z.infer<typeof planningRulesSchema>;
export type PlanningProblem = z.infer<typeof planningProblemSchema>;
/** What a caller writes: fields with defaults may be left out. */
export type PlanningProblemInput = z.input<typeof planningProblemSchema>;

interface ProblemShape {
  readonly slots: { readonly count: number };
  readonly regions: readonly Region[];
  readonly substations: readonly Substation[];
  readonly feeders: readonly Feeder[];
  readonly hardwareClasses: readonly PlanningHardwareClass[];
  readonly cars: readonly PlanningCar[];
  readonly jobs: readonly PlanningJob[];
}

interface Inconsistency {
  readonly path: (string | number)[];
  readonly message: string;
}

function* inconsistencies(problem: ProblemShape): Generator<Inconsistency> {
  const { count } = problem.slots;
  const regionIds = new Set(problem.regions.map((region) => region.id));
  const substationIds = new Set(problem.substations.map((substation) => substation.id));
  const feederIds = new Set(problem.feeders.map((feeder) => feeder.id));
  const classIds = new Set(problem.hardwareClasses.map((hardware) => hardware.id));

  for (const kind of ['regions', 'substations', 'feeders', 'hardwareClasses', 'cars', 'jobs'] as const) {
    yield* repeatedIds(kind, problem[kind]);
  }
  const series = function* (
    path: (string | number)[],
    values: readonly unknown[] | undefined,
  ): Generator<Inconsistency> {
    if (values !== undefined && values.length !== count) {
      yield { path, message: `must have ${count} values, one per slot, has ${values.length}` };
    }
  };

  for (const [index, region] of problem.regions.entries()) {
    for (const name of ['priceEurPerKwh', 'carbonGPerKwh', 'ambientCelsius', 'plugKwPerChipKw'] as const) {
      yield* series(['regions', index, name], region[name]);
    }
  }
  for (const [index, substation] of problem.substations.entries()) {
    yield* series(['substations', index, 'importLimitKw'], substation.importLimitKw);
  }
  for (const [index, feeder] of problem.feeders.entries()) {
    yield* series(['feeders', index, 'importLimitKw'], feeder.importLimitKw);
    yield* series(['feeders', index, 'houseLoadKw'], feeder.houseLoadKw);
    yield* known(['feeders', index, 'regionId'], regionIds, feeder.regionId);
    if (feeder.substationId !== undefined) {
      yield* known(['feeders', index, 'substationId'], substationIds, feeder.substationId);
      const sibling = problem.feeders.find((other) => other.substationId === feeder.substationId);
      // Unlike prices under one cap have no exact greedy order, and a substation stands in one place.
      if (sibling && sibling.regionId !== feeder.regionId) {
        yield {
          path: ['feeders', index, 'regionId'],
          message: `must be ${JSON.stringify(sibling.regionId)}, the region of its substation's other feeders`,
        };
      }
    }
  }
  for (const [index, car] of problem.cars.entries()) {
    yield* known(['cars', index, 'feederId'], feederIds, car.feederId);
    yield* known(['cars', index, 'hardwareClass'], classIds, car.hardwareClass);
    yield* series(['cars', index, 'computeAllowed'], car.computeAllowed);
    yield* series(['cars', index, 'computeCapChipKw'], car.computeCapChipKw);
    if (car.untilSlot > count) {
      yield { path: ['cars', index, 'untilSlot'], message: `must be at most ${count}, the end of the axis` };
    }
  }
  for (const [index, job] of problem.jobs.entries()) {
    for (const [at, name] of job.regionIds.entries()) yield* known(['jobs', index, 'regionIds', at], regionIds, name);
    for (const [at, entry] of job.classes.entries()) {
      yield* known(['jobs', index, 'classes', at, 'hardwareClass'], classIds, entry.hardwareClass);
    }
  }
}

function* known(path: (string | number)[], ids: ReadonlySet<string>, name: string): Generator<Inconsistency> {
  if (!ids.has(name)) yield { path, message: `names ${JSON.stringify(name)}, which the problem does not have` };
}

function* repeatedIds(kind: string, things: readonly { readonly id: string }[]): Generator<Inconsistency> {
  const seen = new Set<string>();
  for (const [index, thing] of things.entries()) {
    if (seen.has(thing.id)) yield { path: [kind, index, 'id'], message: `repeats ${JSON.stringify(thing.id)}` };
    seen.add(thing.id);
  }
}
