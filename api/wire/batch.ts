import { z } from '@hono/zod-openapi';
import { BATCH_STATUSES } from '../../domain/batches.ts';

export const windowSchema = z.object({
  start: z.string(),
  end: z.string(),
  region: z.string(),
  shards: z.number(),
  price_eur_per_kwh: z.number(),
  gco2_per_kwh: z.number(),
});

const reasonSchema = z.object({
  code: z.string(),
  text: z.string(),
  value: z.number().optional(),
  limit: z.number().optional(),
});

export const per1000TokensSchema = z.object({ energy_wh: z.number(), gco2: z.number() });

export const gridSchema = z.object({
  state: z.enum(['validating', 'waiting', 'running', 'paused', 'ended']),
  deadline: z.string().meta({ description: 'Grid time by which the answers are due, RFC 3339.' }),
  submitted_at: z.string().meta({ description: 'Grid time, RFC 3339.' }),
  clock: z.object({ scale: z.number() }).meta({
    description:
      'All times in x_grid are grid time, those beside it real time. So many grid seconds pass in a real one: 1, but in simulated cells.',
  }),
  reasons: z.array(reasonSchema).meta({ description: 'Why it runs or waits now, from the newest plan.' }),
  eta: z.string().nullable().meta({ description: 'Grid time at which the newest plan expects the last answer.' }),
  planned_windows: z.array(windowSchema),
  cells: z
    .array(
      z.object({
        cell: z.string(),
        shards: z.number().int().meta({ description: 'Pending there, and with its cars.' }),
        eur_per_shard: z.number().nullable().meta({
          description:
            'What one more shard would cost there; null when no car there could compute it, or no plan says.',
        }),
      }),
    )
    .meta({ description: 'Which cell has what is left of the batch, its own cell first.' }),
  energy_wh: z.number().meta({ description: 'Used so far at the plug, by accepted shards.' }),
  gco2: z.number(),
  cost: z.object({ eur: z.number(), unpriced_wh: z.number() }).meta({
    description: 'Of the energy so far, for the operator; unpriced_wh is energy of whose price nobody knew anything.',
  }),
  price: z
    .object({
      amount: z.number().meta({ description: 'What its submitter is charged so far.' }),
      currency: z.string(),
      estimate: z.number().nullable().meta({ description: 'What it was expected to cost; null: nobody asked.' }),
      cap: z.number().nullable().meta({ description: 'It never costs more.' }),
      quote: z.string().nullable().meta({ description: 'The quote whose price is kept.' }),
    })
    .nullable()
    .meta({ description: 'Null for batches from before there were prices.' }),
  per_1000_tokens: per1000TokensSchema
    .nullable()
    .meta({ description: 'What was used for 1,000 tokens read and written; null while no answer counts tokens.' }),
  shards: z.object({ total: z.number(), pending: z.number(), in_flight: z.number(), done: z.number() }).nullable(),
  partial_output_file_id: z
    .string()
    .nullable()
    .meta({ description: 'While the batch runs: its content is the answers so far.' }),
});

const tokens = z.number().int();
const usageSchema = z.object({
  input_tokens: tokens,
  input_tokens_details: z.object({ cached_tokens: tokens }),
  output_tokens: tokens,
  output_tokens_details: z.object({ reasoning_tokens: tokens }),
  total_tokens: tokens,
});

const seconds = z.number().int().optional();

/** OpenAI's Batch, and `x_grid`, which stock clients ignore. All `*_at` are real unix seconds. */
export const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(
          z.object({
            code: z.string(),
            line: z.number().int().nullable(),
            message: z.string(),
            param: z.string().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.number().int(),
    expires_at: z.number().int(),
    in_progress_at: seconds,
    finalizing_at: seconds,
    completed_at: seconds,
    failed_at: seconds,
    expired_at: seconds,
    cancelling_at: seconds,
    cancelled_at: seconds,
    request_counts: z.object({ total: z.number().int(), completed: z.number().int(), failed: z.number().int() }),
    metadata: z.record(z.string(), z.string()).nullable(),
    model: z.string().optional(),
    usage: usageSchema
      .optional()
      .meta({ description: 'Of the answers that were accepted so far, where they count tokens.' }),
    x_grid: gridSchema,
  })
  .openapi('Batch');
export type BatchWire = z.output<typeof batchSchema>;
