import { objectKeys, rangeOfPartKey } from '../domain/names.ts';
import type { ObjectStore } from './objectStore.ts';

/** The stored answers of a shard, by line number within the shard, as the bytes of their lines. */
export type AnsweredLines = ReadonlyMap<number, string>;

/**
 * Reads every part of a shard. Parts of different attempts may overlap; since a line's answer is the same bytes from
 * any car, the first one that is read stands for all.
 * @throws Error when a part does not hold one line for each line of its range
 */
export async function readAnsweredLines(objects: ObjectStore, jobId: string, shard: number): Promise<AnsweredLines> {
  const answered = new Map<number, string>();
  for (const key of await objects.list(objectKeys.partPrefix(jobId, shard))) {
    const range = rangeOfPartKey(key);
    if (!range) continue;
    const lines = (await objects.get(key)).toString('utf8').split('\n');
    if (lines.length !== range.end - range.start + 1 || lines.at(-1) !== '') {
      throw new Error(`part ${key} does not hold one line for each of lines ${range.start} to ${range.end}`);
    }
    for (const [offset, line] of lines.slice(0, -1).entries()) {
      if (!answered.has(range.start + offset)) answered.set(range.start + offset, line);
    }
  }
  return answered;
}
