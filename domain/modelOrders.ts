import { z } from 'zod';

import { sha256Schema } from './sha256.ts';
import { isStorableText } from './storableText.ts';

const modelRefSchema = z.object({ name: z.string(), version: z.string(), family: z.string(), sha256: z.string() });

/** Retained at the broker for a car: what it is to fetch before work for it comes, and whose queues it may poll. */
export const modelOrderSchema = z.object({
  /** Grid time. */
  issuedAtMs: z.number(),
  /** Roll-outs that the car takes part in: it takes their shards as those of the base family. */
  families: z.array(z.object({ family: z.string(), base: z.string() })).max(64),
  models: z
    .array(
      z.object({
        model: modelRefSchema,
        /** Good for just this model's files. */
        access: z.object({ url: z.string(), token: z.string() }),
        /** Grid time in which to begin. */
        fromMs: z.number(),
        untilMs: z.number(),
      }),
    )
    .max(64),
});
export type ModelOrder = z.output<typeof modelOrderSchema>;

/** What a car says once it has fetched a model, or found that it has it. */
export const fetchedModelSchema = z.object({
  name: z.string().min(1).max(200).refine(isStorableText),
  version: z.string().min(1).max(63).refine(isStorableText),
  sha256: sha256Schema,
  bytes: z.number().int().min(0),
  /** Real time that it took; 0: it was there. */
  seconds: z.number().min(0),
});
export type FetchedModel = z.output<typeof fetchedModelSchema>;

/** Names just this version: two versions may share a network, and two tenants a name. */
export function modelKey({ name, version, sha256 }: Pick<FetchedModel, 'name' | 'version' | 'sha256'>): string {
  return `${name} ${version} ${sha256}`;
}
