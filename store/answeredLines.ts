import { createHash } from 'node:crypto';

import { z } from 'zod';

import { withoutTokens } from '../domain/answerLine.ts';
import { parseExactJson, stringifyExactJson } from '../domain/json.ts';
import { objectKeys, type LineRange } from '../domain/names.ts';
import type { AcceptedPart } from './acceptedShards.ts';
import type { SliceKey } from '../domain/trust/mixedSlice.ts';
import { sliceOf } from '../domain/trust/quorum.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import { unlessNotFound, type ObjectStore } from './objectStore.ts';
import { readSliceKey } from './sliceKeys.ts';

/** The answers of a shard, by line number within the shard, as submitters get their lines. */
export type AnsweredLines = ReadonlyMap<number, string>;

/** Reads the accepted answers of a shard: of each part the very bytes that were verified, or none. */
export async function readAnsweredLines(
  objects: Pick<ObjectStore, 'get'>,
  jobId: string,
  shard: number,
  parts: readonly AcceptedPart[],
): Promise<AnsweredLines> {
  const answered = new Map<number, string>();
  for (const { start, end, sha256, vehicleId } of parts) {
    const bytes = await unlessNotFound(objects.get(objectKeys.part(jobId, shard, { start, end }, vehicleId)));
    if (bytes === undefined || sha256Of(bytes) !== sha256) continue;
    for (const [offset, line] of linesOfPart(bytes, { start, end })?.entries() ?? []) {
      if (!answered.has(start + offset)) answered.set(start + offset, withoutTokens(line));
    }
  }
  return answered;
}

/**
 * The accepted answers of a slice of the input, by line number within the submitter's lines of it: of the first of its shards
 * that has a line. Canaries are left out.
 */
export async function readSliceAnswers(
  objects: Pick<ObjectStore, 'get'>,
  jobId: string,
  shards: readonly number[],
  parts: ReadonlyMap<number, readonly AcceptedPart[]>,
  split: Pick<SplitBatch, 'quorum' | 'canaries'>,
): Promise<AnsweredLines> {
  const answered = new Map<number, string>();
  for (const shard of shards) {
    for (const [line, text] of await readAnsweredLines(objects, jobId, shard, parts.get(shard) ?? [])) {
      if (!answered.has(line)) answered.set(line, text);
    }
  }
  const key = await readSliceKey(objects, split, jobId, sliceOf(split, shards[0] ?? 0));
  return key ? withoutCanaries(answered, key) : answered;
}

function withoutCanaries(answered: AnsweredLines, key: SliceKey): AnsweredLines {
  const own = new Map<number, string>();
  let line = 0;
  for (const [place, customId] of key.entries()) {
    if (customId === null) continue;
    const text = answered.get(place);
    if (text !== undefined) own.set(line, named(text, customId));
    line += 1;
  }
  return own;
}

/** The line under the submitter's name for it: cars know it by another one. */
function named(text: string, customId: string): string {
  const line = z.looseObject({ id: z.string() }).parse(parseExactJson(text));
  return stringifyExactJson({ ...line, custom_id: customId });
}

/** A part's answer lines, or undefined when it does not hold one for each line of its range. */
export function linesOfPart(bytes: Buffer, { start, end }: LineRange): string[] | undefined {
  const lines = bytes.toString('utf8').split('\n');
  return lines.length === end - start + 1 && lines.at(-1) === '' ? lines.slice(0, -1) : undefined;
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
