import { z } from '@hono/zod-openapi';

import { rolloutSpecSchema } from '../../domain/rollouts/rolloutSpec.ts';
import { ROLLOUT_COMMANDS, ROLLOUT_OUTCOMES, ROLLOUT_PHASES } from '../../domain/workflows/modelRollout.ts';

const share = z.number().meta({ description: '0 to 1.' });
const figure = z.number().nullable().meta({ description: 'Null where nothing can be said.' });

export const rolloutSchema = z
  .object({
    id: z.number().int(),
    model: z.string(),
    version: z.string(),
    previous_version: z.string(),
    family: z.string().meta({ description: 'Names the queues that only the roll-out’s cars poll.' }),
    workflow_id: z.string(),
    phase: z.enum(ROLLOUT_PHASES),
    paused: z.boolean(),
    outcome: z.enum(ROLLOUT_OUTCOMES).nullable(),
    wave: z.number().int().meta({ description: 'From 1.' }),
    waves: z.number().int(),
    cars: z.object({
      target: z.number().int().meta({ description: 'That are to have it in this wave.' }),
      drawn: z.number().int(),
      holding: z.number().int().meta({ description: 'That say that they have it.' }),
    }),
    served_share: share.meta({ description: 'Share of the tenants that the version answers, 0 to 1.' }),
    text: z.string().meta({ description: 'What it waits for, or why it ended.' }),
    last_comparison: z
      .object({
        requests: z.number().int(),
        disagreement: figure,
        more_crashes: figure,
        slower: figure,
        energy: figure,
      })
      .nullable(),
    reasons: z.array(
      z.object({ code: z.string(), text: z.string(), value: z.number().optional(), limit: z.number().optional() }),
    ),
    started_at: z.string().meta({ description: 'Grid time.' }),
    decided_at: z.string().nullable(),
    spec: rolloutSpecSchema,
  })
  .openapi('Rollout');
export type RolloutWire = z.output<typeof rolloutSchema>;

export const rolloutsSchema = z
  .object({
    rollouts: z.array(rolloutSchema).meta({ description: 'Newest first.' }),
    models: z.array(
      z.object({
        model: z.string(),
        latest: z.string().meta({ description: 'What answers requests that name no version.' }),
        next: z.string().nullable(),
        next_share: share,
        waiting: z.array(z.string()).meta({ description: 'Published later, and not rolled out.' }),
      }),
    ),
  })
  .openapi('Rollouts');
export type RolloutsWire = z.output<typeof rolloutsSchema>;

export const newRolloutSchema = z
  .strictObject({
    model: z.string().min(1).max(200),
    version: z.string().min(1).max(63),
    spec: rolloutSpecSchema.prefault({}),
  })
  .openapi('NewRollout');

export const rolloutCommandSchema = z
  .strictObject({
    model: z.string().min(1).max(200),
    version: z.string().min(1).max(63),
    command: z.enum(ROLLOUT_COMMANDS),
    reason: z.string().trim().min(1).max(500),
  })
  .openapi('RolloutCommand');

export const modelPinSchema = z
  .strictObject({
    tenant: z.string().min(1).max(64),
    model: z.string().min(1).max(200),
    version: z.string().min(1).max(63).nullable().meta({ description: 'Null: as all others.' }),
  })
  .openapi('ModelPin');
