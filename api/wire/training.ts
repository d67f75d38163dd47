import { z } from '@hono/zod-openapi';

import { TRAINING_STATES, trainingPlanSchema } from '../../domain/training.ts';

export const trainingRoundSchema = z
  .object({
    round: z.number().int(),
    version: z.number().int().nullable().meta({ description: 'Of the weights that it made; null while it is open.' }),
    batch_id: z.string().nullable().meta({ description: 'Its work, as any other batch.' }),
    clients: z.number().int().meta({ description: 'Sampled.' }),
    updates: z.number().int().nullable().meta({ description: 'That count.' }),
    partial: z.number().int().meta({ description: 'Of those, with fewer steps than were asked for.' }),
    handovers: z.number().int().meta({ description: 'Times that another car went on with a client.' }),
    examples: z.number(),
    steps: z.number(),
    train_loss: z.number().nullable(),
    test_loss: z.number().nullable(),
    test_accuracy: z.number().nullable(),
    epsilon: z.number().nullable().meta({ description: 'Of differential privacy, after this round.' }),
    bytes_down: z.number(),
    bytes_up: z.number(),
    energy_wh: z.number(),
    gco2: z.number(),
    opened_at: z.string(),
    closed_at: z.string().nullable(),
  })
  .openapi('TrainingRound');
export type TrainingRoundWire = z.output<typeof trainingRoundSchema>;

export const trainingRunSchema = z
  .object({
    id: z.string(),
    object: z.literal('training_run'),
    name: z.string(),
    model: z.string(),
    model_version: z.string(),
    train_file_id: z.string().nullable().meta({ description: 'None where cars train on their own data.' }),
    test_file_id: z.string().nullable(),
    plan: trainingPlanSchema,
    state: z.enum(TRAINING_STATES),
    message: z.string().meta({ description: 'What it does or waits for, or how it ended.' }),
    created_at: z.number().int(),
    rounds: z.array(trainingRoundSchema),
  })
  .openapi('TrainingRun');
export type TrainingRunWire = z.output<typeof trainingRunSchema>;

export const newTrainingRunSchema = z.strictObject({
  name: z.string().min(1).max(100),
  model: z.string().min(1).max(200).meta({ description: 'A training model, as `nightshift train compile` makes it.' }),
  train_file_id: z.string().optional().meta({ description: 'Must be given unless cars train on their own data.' }),
  test_file_id: z.string().optional().meta({
    description: 'A tenth of the examples unless given; must be given where cars train on their own data.',
  }),
  plan: trainingPlanSchema,
});
export type NewTrainingRunWire = z.input<typeof newTrainingRunSchema>;

export const publishSchema = z.strictObject({
  name: z.string().min(1).max(100),
  version: z.string().max(63).optional(),
  family: z.string().max(63).optional(),
  weights_version: z.number().int().min(0).optional().meta({ description: 'The newest unless given.' }),
});
