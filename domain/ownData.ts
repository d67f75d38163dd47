import { z } from 'zod';

import { sha256Schema } from './sha256.ts';

/** Training on data that a car has and keeps: what goes between server and car. docs/training.md */

/** Name of a data set: a file `NAME.jsonl` in the folder that a car's agent offers. */
export const datasetSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits or hyphens');

/** What an owner has agreed to: runs may train on these data sets of the car, which do not leave it. */
export const ownDataConsentSchema = z.object({
  datasets: z.array(datasetSchema).min(1).max(32),
  termsVersion: z.string().min(1).max(100),
  givenAtMs: z.number().int().min(0).max(8_640_000_000_000_000),
});

const bytes = z.base64().max(200_000);
const client = z.string().min(1).max(200);
const threshold = z.number().int().min(2).max(255);
const rosterSchema = z
  .array(z.object({ client, mask_key: bytes, share_key: bytes }))
  .min(1)
  .max(255);
const sealedSchema = z.record(client, bytes);

/** What a car is asked for in a round. Without secure aggregation, `update` alone; with it, the others in this order. */
export const ownPhaseSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('update') }),
  /** It takes its steps, keeps the update and answers with keys for this round. */
  z.object({ kind: z.literal('keys') }),
  z.object({ kind: z.literal('shares'), roster: rosterSchema, threshold }),
  z.object({
    kind: z.literal('masked'),
    roster: rosterSchema,
    threshold,
    /** Standard deviation of the noise that each car adds to its update. */
    noise: z.number().min(0),
  }),
  z.object({
    kind: z.literal('reveal'),
    roster: rosterSchema,
    threshold,
    survivors: z.array(client).max(255),
    sealed: sealedSchema,
  }),
]);
export type OwnPhase = z.output<typeof ownPhaseSchema>;
export type OwnPhaseKind = OwnPhase['kind'];

/** Beside the fields of a training task, whose examples are the car's own. */
export const ownTaskFields = {
  own_data: datasetSchema,
  /** Names the round and nothing else. */
  round: z.string().min(1).max(200),
  phase: ownPhaseSchema,
};

const shareSchema = z.object({ x: z.number().int().min(1).max(255), bytes });

export const keysAnswerSchema = z.object({
  object: z.literal('training.keys'),
  client,
  mask_key: bytes,
  share_key: bytes,
});
export const sharesAnswerSchema = z.object({ object: z.literal('training.shares'), client, sealed: sealedSchema });
export const maskedAnswerSchema = z.object({
  object: z.literal('training.masked'),
  client,
  /** Whole numbers modulo 2^32, little-endian, as base64. */
  numbers: z.base64(),
});
export const revealedAnswerSchema = z.object({
  object: z.literal('training.revealed'),
  client,
  seeds: z.record(client, shareSchema),
  mask_keys: z.record(client, shareSchema),
});

/** What a car keeps of a round until its last word in it. */
export const keptPartySchema = z.object({
  maskSecret: z.string(),
  maskKey: z.string(),
  shareSecret: z.string(),
  shareKey: z.string(),
  seed: z.string(),
  /** Clipped, 32-bit floats as base64; null once it was sent. */
  update: z.string().nullable(),
  weightsSha256: sha256Schema,
});
export type KeptParty = z.output<typeof keptPartySchema>;
