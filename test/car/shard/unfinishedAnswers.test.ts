import { expect, test } from 'vitest';

import { readUnfinished, writeUnfinished } from '../../../car/shard/unfinishedAnswers.ts';
import { objectKeys } from '../../../domain/names.ts';
import { MemoryObjects } from './support/memoryObjects.ts';

const SHARD = { jobId: 'batch_1', shard: 0 };
const tokens = (count: number) => [{ tokens: Array.from({ length: count }, (_, index) => index) }];

test('gives the longest beginning of each line that any car left', async () => {
  const objects = new MemoryObjects();
  await writeUnfinished(
    objects,
    SHARD,
    'car-1',
    new Map([
      [0, tokens(3)],
      [1, tokens(9)],
    ]),
  );
  await writeUnfinished(objects, SHARD, 'car-2', new Map([[0, tokens(5)]]));
  expect(await readUnfinished(objects, SHARD)).toEqual(
    new Map([
      [0, tokens(5)],
      [1, tokens(9)],
    ]),
  );
});

test('a car that leaves much, or says that it has much, crowds nobody out', async () => {
  const objects = new MemoryObjects();
  await writeUnfinished(objects, SHARD, 'honest', new Map([[0, tokens(3)]]));
  for (let count = 0; count < 100; count += 1) {
    const key = objectKeys.unfinished(SHARD.jobId, SHARD.shard, 900_000_000 - count, 'liar');
    await objects.put(key, JSON.stringify({ 0: tokens(50) }));
  }
  expect(await readUnfinished(objects, SHARD)).toEqual(new Map([[0, tokens(3)]]));
});
