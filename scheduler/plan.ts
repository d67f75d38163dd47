import { z } from 'zod';

import { numberSeries } from './numberSeries.ts';
import { planReasonSchema } from './reasons.ts';
import { slotAxisSchema } from './time.ts';

/**
 * What the planner answers. Powers are kW at the plug, series have one value per slot. Only slot 0 is committed; the
 * rest is a forecast that is planned again. docs/planner.md shows the JSON form with an example.
 */

const methods = ['cap_free', 'max_flow', 'decomposition', 'previous_plan'] as const;
/** How a plan was found. */
export type PlanMethod = (typeof methods)[number];

export const PLAN_METHODS: Readonly<Record<PlanMethod, string>> = {
  cap_free: 'No shared limit binds: each car and job takes its cheapest slots, which is optimal.',
  max_flow: 'Shared limits bind: cheapest-slot-first maximum flow, which is optimal.',
  decomposition: 'Shared limits bind with unlike overheads: decomposition with a lower and an upper bound.',
  previous_plan: 'The last plan was kept where it still fits; its prices prove the bound.',
};

/** Kinds of limits that can bind; a feeder's words name its substation. */
const limitKinds = [
  'feeder_import',
  'charger_max',
  'battery_cold',
  'plug_window',
  'job_price_cap',
  'job_carbon_cap',
  'compute_capacity',
] as const;

const series = numberSeries({ min: 0 });

const carPlanSchema = z.object({
  carId: z.string(),
  chargeKw: series,
  /** 0, or everything that the class draws while it computes in that slot: chip, cooling and awake load. */
  computeKw: series,
  /** Starts of the committed slot are spread; this car waits so long before it takes up its new setpoint. */
  startDelaySeconds: z.number().min(0).default(0),
  /** About the committed slot, and about the target. */
  reasons: z.array(planReasonSchema),
});

/** Shards that the open cars of a class in a region are expected to finish for a job, by slot, survival counted. */
const expectedWorkSchema = z.object({ regionId: z.string(), hardwareClass: z.string(), shards: series });

const grantSchema = z.object({
  jobId: z.string(),
  regionId: z.string(),
  hardwareClass: z.string(),
  slot: z.number().int().min(0),
  /** Whole shards to release to the region's queue of this class in this slot. */
  shards: z.number().int().min(1),
});

const jobPlanSchema = z.object({
  jobId: z.string(),
  /** Where and when its shards are expected to be finished; places without any are left out. */
  expectedWork: z.array(expectedWorkSchema),
  /** Sum of `expectedWork`. */
  expectedShards: z.number().min(0),
  /** The slot at whose end the last shard is expected to be done; null when that is not within the window. */
  finishSlot: z.number().int().nullable(),
  reasons: z.array(planReasonSchema),
});

const bindingLimitSchema = z.object({
  kind: z.enum(limitKinds),
  /** The feeder, substation, car, job or class that has the limit. */
  id: z.string(),
  /** Slots in which it binds. */
  slots: z.array(z.number().int()),
  text: z.string(),
});

const unmetSchema = z.object({
  kind: z.enum(['minimum_soc', 'ready_by', 'job_deadline']),
  /** The car or the job. */
  id: z.string(),
  /** kWh in the battery for cars, shards for jobs. */
  missing: z.number().positive(),
  unit: z.enum(['kWh', 'shards']),
  bindingLimits: z.array(bindingLimitSchema),
  text: z.string(),
});

/** What one more kW of the limit in every slot would save at these prices: the sum of rents times slot hours. */
const oneMoreKwEur = z.number();

/**
 * Proof of a lower bound by prices on the shared limits (weak duality): for any prices at all, what the cars and jobs
 * would pay at least, less the rent of the limits, is below the cost of every feasible plan. So nothing here needs to
 * be trusted; scheduler/check/bound.ts evaluates the bound from the problem and these prices alone.
 */
const certificateSchema = z.object({
  /** What one more kW of the limit, during one slot, would save; EUR per kWh, one value per slot. */
  feederRentEurPerKwh: z.array(z.object({ feederId: z.string(), rent: series, oneMoreKwEur })),
  substationRentEurPerKwh: z.array(z.object({ substationId: z.string(), rent: series, oneMoreKwEur })),
  /** What one more shard of the job would cost; at most the penalty for leaving it undone. */
  jobPriceEurPerShard: z.array(
    z.object({
      jobId: z.string(),
      price: z.number(),
      /** `price` times the shards that remain. */
      remainingEur: z.number(),
    }),
  ),
  /** Cost plus penalties that no plan can go below, as the solver computed it. */
  lowerBoundEur: z.number(),
});

const planFiguresSchema = z.object({
  /** Expected cost of the plan: energy, carbon weight and missing energy, without penalties; EUR. */
  costEur: z.number(),
  /** Energy and carbon count as far as cars are expected to be there still. */
  energyCostEur: z.number(),
  carbonKg: z.number(),
  chargeKwh: z.number(),
  computeKwh: z.number(),
  /** kWh in batteries that are expected to be missing because cars leave before they are charged. */
  expectedMissingKwh: z.number().default(0),
  /** What they are worth to the owners, and never less than what they would have cost. */
  expectedMissingEur: z.number().default(0),
  /** Penalties for what is left unmet, in the planner's own weights; late shards at their worth where a job states it. */
  penaltyEur: z.number(),
  /** (cost + penalty - lower bound) / |lower bound|: what is lost at most, whole setpoints included. */
  gap: z.number(),
});

export const planSchema = z.object({
  version: z.literal(1),
  slots: slotAxisSchema,
  method: z.enum(methods),
  cars: z.array(carPlanSchema),
  jobs: z.array(jobPlanSchema),
  grants: z.array(grantSchema),
  /** Cars to wake, ranked, by the slot in which they are first needed. */
  wakeUps: z.array(z.object({ carId: z.string(), slot: z.number().int().min(0) })),
  unmet: z.array(unmetSchema),
  figures: planFiguresSchema,
  certificate: certificateSchema,
  /** Fallbacks and emergencies that shaped the whole plan. */
  reasons: z.array(planReasonSchema),
});

export type CarPlan = z.infer<typeof carPlanSchema>;
export type Grant = z.infer<typeof grantSchema>;
export type JobPlan = z.infer<typeof jobPlanSchema>;
export type BindingLimit = z.infer<typeof bindingLimitSchema>;
export type Unmet = z.infer<typeof unmetSchema>;
export type Certificate = z.infer<typeof certificateSchema>;
export type PlanFigures = z.infer<typeof planFiguresSchema>;
export type Plan = z.infer<typeof planSchema>;
