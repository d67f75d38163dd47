import { z } from 'zod';

import { parseJson } from '../../domain/json.ts';
import { objectKeys } from '../../domain/names.ts';
import type { RunShardInput } from '../../domain/shards.ts';
import type { PartialChoice } from '../../inference/generation/generationTask.ts';
import type { PartStore } from './ports.ts';

/** Answers that a car has begun and not ended, by line of the shard. */
export type UnfinishedAnswers = ReadonlyMap<number, readonly PartialChoice[]>;

/** Each car leaves one when it goes, and one now and then before; of many the last ones say most. */
const MAX_READ = 16;

const logprobSchema = z.object({ id: z.number().int().min(0), logprob: z.number() });
const unfinishedSchema = z.record(
  z.string().regex(/^\d{1,6}$/),
  z
    .array(
      z.object({
        tokens: z.array(z.number().int().min(0)).max(200_000),
        logprobs: z.array(logprobSchema.extend({ top: z.array(logprobSchema).max(20) })).optional(),
      }),
    )
    .max(8),
);

/** Of all that cars have left, the longest beginning of each line's answer; what cannot be read counts as nothing. */
export async function readUnfinished(
  objects: Pick<PartStore, 'get' | 'list'>,
  { jobId, shard }: Pick<RunShardInput, 'jobId' | 'shard'>,
): Promise<UnfinishedAnswers> {
  const longest = new Map<number, readonly PartialChoice[]>();
  const keys = await objects.list(objectKeys.unfinishedPrefix(jobId, shard));
  for (const key of keys.slice(-MAX_READ)) {
    const parsed = unfinishedSchema.safeParse(parseJson((await objects.get(key)).toString('utf8')));
    for (const [line, choices] of Object.entries(parsed.data ?? {})) {
      const begun = choices.map(({ tokens, logprobs }) => ({ tokens, ...(logprobs && { logprobs }) }));
      if (tokensOf(begun) > tokensOf(longest.get(Number(line)) ?? [])) longest.set(Number(line), begun);
    }
  }
  return longest;
}

export async function writeUnfinished(
  objects: Pick<PartStore, 'put'>,
  { jobId, shard }: Pick<RunShardInput, 'jobId' | 'shard'>,
  vehicleId: string,
  answers: UnfinishedAnswers,
): Promise<void> {
  const tokens = [...answers.values()].reduce((sum, choices) => sum + tokensOf(choices), 0);
  await objects.put(
    objectKeys.unfinished(jobId, shard, tokens, vehicleId),
    JSON.stringify(Object.fromEntries(answers)),
  );
}

function tokensOf(choices: readonly PartialChoice[]): number {
  return choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
}
