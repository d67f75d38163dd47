import { z } from 'zod';

import { datasetSchema, ownTaskFields } from './ownData.ts';
import { sha256Schema } from './sha256.ts';

/** The words of federated training that API, workflows, activities and cars share; Flower's where it has them. */

/** The `url` of the request lines of a round: what a car is asked to train. */
export const TRAINING_ENDPOINT = '/v1/training';
/** Of the answers to them. */
export const UPDATE_OBJECT = 'training.update';

const rate = z.number().positive().max(100);
const share = z.number().min(0).max(1);
const decay = z.number().min(0).max(1).default(0);

/** What turns gradients into steps on a car. */
export const localOptimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sgd'), learning_rate: rate, momentum: share.default(0), weight_decay: decay }),
  z.strictObject({
    kind: z.literal('adamw'),
    learning_rate: rate,
    beta1: share.default(0.9),
    beta2: share.default(0.999),
    epsilon: z.number().positive().max(1).default(1e-8),
    weight_decay: decay,
  }),
]);
export type LocalOptimizer = z.output<typeof localOptimizerSchema>;

/** How the updates of a round become the next weights. */
export const strategySchema = z.discriminatedUnion('kind', [
  /** One gradient of each client, one step with their mean. */
  z.strictObject({ kind: z.literal('fedsgd'), learning_rate: rate.default(0.1) }),
  z.strictObject({ kind: z.literal('fedavg') }),
  z.strictObject({
    kind: z.literal('fedadam'),
    learning_rate: rate.default(0.01),
    beta1: share.default(0.9),
    beta2: share.default(0.99),
    /** How far steps adapt: the larger, the less. */
    tau: z.number().positive().max(1).default(1e-3),
  }),
  /** FedAvg, and clients are held near the weights that they were given. */
  z.strictObject({ kind: z.literal('fedprox'), mu: z.number().positive().max(100).default(0.01) }),
  z.strictObject({ kind: z.literal('diloco'), learning_rate: rate.default(0.7), momentum: share.default(0.9) }),
]);
export type Strategy = z.output<typeof strategySchema>;

/** How updates are made into one. `mean` weighs by examples; the others count each client once. */
export const aggregationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('mean') }),
  z.strictObject({ kind: z.literal('median') }),
  z.strictObject({ kind: z.literal('trimmed_mean'), trim: z.number().min(0).lt(0.5).default(0.1) }),
]);
export type Aggregation = z.output<typeof aggregationSchema>;

/** How the tenant's examples are shared among clients. */
export const partitionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('even') }),
  /** By class, with shares drawn from a Dirichlet distribution: the smaller alpha, the more clients differ. */
  z.strictObject({ kind: z.literal('dirichlet'), alpha: z.number().positive().max(1_000) }),
]);
export type Partition = z.output<typeof partitionSchema>;

/** Noise and clipping that hide what one client's data have to do with the weights. */
export const privacySchema = z.strictObject({
  /** Longest update that counts as it is (L2); longer ones are scaled down to it. */
  clip_norm: z.number().positive().max(1e6),
  /** Standard deviation of the noise on the sum, in clip norms. */
  noise_multiplier: z.number().min(0).max(100),
  delta: z.number().positive().lt(1).default(1e-5),
  /** What all rounds together may come to; a plan that would come to more is refused. */
  max_epsilon: z.number().positive().optional(),
});
export type Privacy = z.output<typeof privacySchema>;

const wholeNumber = (max: number) => z.number().int().min(1).max(max);

/** Whose examples are trained on: those that the tenant has given, or those that cars have and keep. */
export const trainingDataSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tenant') }),
  z.strictObject({
    kind: z.literal('own'),
    /** Name of the file in the folders that cars offer; only owners who have agreed to it take part. */
    dataset: datasetSchema,
    /** Whether the server sees only the sum of a round's updates. */
    secure_aggregation: z.boolean().default(false),
  }),
]);

const planFields = z.strictObject({
  strategy: strategySchema.default({ kind: 'fedavg' }),
  aggregation: aggregationSchema.default({ kind: 'mean' }),
  optimizer: localOptimizerSchema,
  rounds: wholeNumber(10_000),
  /** Steps of the optimizer that each client takes in a round. */
  local_steps: wholeNumber(100_000),
  data: trainingDataSchema.default({ kind: 'tenant' }),
  /** Parts that the tenant's examples are cut into; a car trains for one at a time. Of own data: most cars of a round. */
  clients: wholeNumber(1_000),
  partition: partitionSchema.default({ kind: 'even' }),
  /** Share of the clients that a round samples. */
  fraction_fit: z.number().positive().max(1).default(1),
  /** Cars that must be at their plugs before a round begins. */
  min_available_clients: wholeNumber(1_000).default(1),
  /** Updates without which a round changes nothing. */
  min_updates: wholeNumber(1_000).default(1),
  /** Grid minutes until a round counts what is there. */
  round_minutes: z
    .number()
    .min(15)
    .max(7 * 24 * 60)
    .default(120),
  /** Rounds that may be under way at once; above 1, updates of older weights count less (asynchronous, buffered). */
  overlap: wholeNumber(8).default(1),
  clip_norm: z.number().positive().max(1e6).optional(),
  privacy: privacySchema.optional(),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1),
  /** As a batch's metadata has them: `grid.region`, `grid.max_price`, `grid.priority`, ... */
  hints: z.record(z.string().startsWith('grid.'), z.string()).default({}),
});

/** With two, each would know the other's update from the sum. */
export const MIN_SECURE_CLIENTS = 3;
const MAX_OWN_CLIENTS = 100;

export const trainingPlanSchema = planFields.superRefine((plan, context) => {
  const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  const { data, aggregation, privacy } = plan;
  if (privacy && aggregation.kind !== 'mean') {
    refuse('aggregation', 'must be "mean" with privacy: the noise is made for a mean');
  }
  if (data.kind !== 'own') return;
  if (plan.overlap > 1) refuse('overlap', 'must be 1 with own data');
  if (plan.clients > MAX_OWN_CLIENTS) refuse('clients', `must be at most ${MAX_OWN_CLIENTS} with own data`);
  if (!data.secure_aggregation) return;
  if (aggregation.kind !== 'mean') refuse('aggregation', 'must be "mean" with secure_aggregation: only a sum is seen');
  if (!privacy && plan.clip_norm === undefined) {
    refuse('clip_norm', 'must be given with secure_aggregation, or privacy: sums must not run over');
  }
  for (const field of ['clients', 'min_available_clients'] as const) {
    if (plan[field] < MIN_SECURE_CLIENTS) {
      refuse(field, `must be at least ${MIN_SECURE_CLIENTS} with secure_aggregation`);
    }
  }
});
export type TrainingPlan = z.output<typeof trainingPlanSchema>;

/** The body of a round's request line: one client's local steps. */
export const trainingTaskSchema = z.object({
  model: z.string(),
  client: z.string().max(200),
  /** Of the round's weights, which lie beside the job's shards. */
  weights_sha256: sha256Schema,
  steps: wholeNumber(100_000),
  optimizer: localOptimizerSchema,
  /** Weight of the distance from the round's weights in the loss (FedProx); 0: none. */
  proximal_mu: z.number().min(0).max(100).default(0),
  clip_norm: z.number().positive().optional(),
  /** For the order of examples. */
  seed: z.number().int().min(0),
  data: z.object({
    examples: wholeNumber(10_000_000),
    /** Of each input, its examples one after the other, little-endian, as base64; INT64 ones in 32 bits. */
    inputs: z.record(z.string(), z.string()),
  }),
});
export type TrainingTask = z.output<typeof trainingTaskSchema>;

/** The body of a request line to one car that trains on its own data. */
export const ownTaskSchema = trainingTaskSchema.omit({ data: true }).extend(ownTaskFields);
export type OwnTask = z.output<typeof ownTaskSchema>;

/** The body of the answer. */
export const trainingUpdateSchema = z.object({
  object: z.literal(UPDATE_OBJECT),
  client: z.string(),
  steps: z.number().int().min(1),
  examples: z.number().int().min(1),
  /** Mean over the steps. */
  loss: z.number(),
  /** Weights after the steps less those before, 32-bit floats, little-endian, as base64. */
  update: z.string(),
});
export type TrainingUpdate = z.output<typeof trainingUpdateSchema>;

export const TRAINING_STATES = ['waiting', 'training', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type TrainingState = (typeof TRAINING_STATES)[number];
export const FINAL_TRAINING_STATES: readonly TrainingState[] = ['completed', 'failed', 'cancelled'];
