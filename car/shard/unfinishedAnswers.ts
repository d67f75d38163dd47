import { z } from 'zod';

import { parseJson } from '../../domain/json.ts';
import { objectKeys, unfinishedOfKey } from '../../domain/names.ts';
import type { RunShardInput } from '../../domain/shards.ts';
import type { PartialChoice } from '../../inference/generation/generationTask.ts';
import type { PartStore } from './ports.ts';

/** Answers that a car has begun and not ended, by line of the shard. */
export type UnfinishedAnswers = ReadonlyMap<number, readonly PartialChoice[]>;

/** Each car leaves one when it goes, and one now and then before: no more than this in the time that a shard takes. */
const MAX_OF_A_CAR = 48;
const MAX_CARS = 8;

const unfinishedSchema = z.record(
  z.string().regex(/^\d{1,6}$/),
  z.array(z.object({ tokens: z.array(z.number().int().min(0)).max(200_000) })).max(8),
);

/**
 * Of all that cars have left, the longest beginning of each line's answer. What cannot be read, or has another number of
 * tokens than its key says, counts as nothing; the rest is what cars say, and the engine draws it again. No car stands
 * before others by leaving much.
 */
export async function readUnfinished(
  objects: Pick<PartStore, 'get' | 'list'>,
  { jobId, shard }: Pick<RunShardInput, 'jobId' | 'shard'>,
): Promise<UnfinishedAnswers> {
  const longest = new Map<number, readonly PartialChoice[]>();
  const keys = await objects.list(objectKeys.unfinishedPrefix(jobId, shard));
  for (const key of fewOfEachCar(keys)) {
    const parsed = unfinishedSchema.safeParse(parseJson((await objects.get(key)).toString('utf8')));
    const answers = Object.entries(parsed.data ?? {});
    const tokens = answers.reduce((sum, [, choices]) => sum + tokensOf(choices), 0);
    if (tokens !== unfinishedOfKey(key)?.tokens) continue;
    for (const [line, choices] of answers) {
      if (tokensOf(choices) > tokensOf(longest.get(Number(line)) ?? [])) longest.set(Number(line), choices);
    }
  }
  return longest;
}

/** The fullest of each car. */
function fewOfEachCar(keys: readonly string[]): string[] {
  const byCar = new Map<string, string[]>();
  for (const key of keys.toSorted().toReversed()) {
    const vehicleId = unfinishedOfKey(key)?.vehicleId;
    if (vehicleId === undefined) continue;
    const its = byCar.get(vehicleId) ?? [];
    if (its.length < MAX_OF_A_CAR) byCar.set(vehicleId, [...its, key]);
  }
  return [...byCar.values()].slice(0, MAX_CARS).flat();
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
