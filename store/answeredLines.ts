import { createHash } from 'node:crypto';

import { objectKeys, rangeOfPartKey } from '../domain/names.ts';
import type { ObjectStore } from './objectStore.ts';

/** The stored answers of a shard, by line number within the shard, as the bytes of their lines. */
export type AnsweredLines = ReadonlyMap<number, string>;

/**
 * Reads every part of a shard. Parts of different attempts may overlap; since a line's answer is the same bytes from
 * any car, the first one that is read stands for all. A part that does not hold one line for each of its range is no
 * answer to anything; its key is in `broken`.
 */
export async function readAnsweredLines(
  objects: ObjectStore,
  jobId: string,
  shard: number,
): Promise<{
  readonly answered: AnsweredLines;
  readonly broken: readonly string[];
  /** sha256 of the bytes of each part, hex, by its key. */
  readonly partSha256: ReadonlyMap<string, string>;
}> {
  const answered = new Map<number, string>();
  const partSha256 = new Map<string, string>();
  const broken: string[] = [];
  for (const key of await objects.list(objectKeys.partPrefix(jobId, shard))) {
    const range = rangeOfPartKey(key);
    if (!range) continue;
    const bytes = await objects.get(key);
    partSha256.set(key, createHash('sha256').update(bytes).digest('hex'));
    const lines = bytes.toString('utf8').split('\n');
    if (lines.length !== range.end - range.start + 1 || lines.at(-1) !== '') {
      broken.push(key);
      continue;
    }
    for (const [offset, line] of lines.slice(0, -1).entries()) {
      if (!answered.has(range.start + offset)) answered.set(range.start + offset, line);
    }
  }
  return { answered, broken, partSha256 };
}
