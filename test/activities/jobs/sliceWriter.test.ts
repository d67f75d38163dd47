import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SliceWriter } from '../../../activities/jobs/sliceWriter.ts';
import { objectKeys } from '../../../domain/names.ts';

/** A store that remembers; its writes end in another order than they began. */
function slowStore() {
  const stored = new Map<string, string>();
  return {
    stored,
    put: async (key: string, body: Uint8Array | string) => {
      for (let turns = stored.size % 3; turns > 0; turns -= 1) await Promise.resolve();
      stored.set(key, Buffer.from(body).toString());
    },
  };
}

test('every line stands in one slice, in order, and all slices but the last are full', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 2_500 }), fc.integer({ min: 1, max: 1_200 }), async (count, size) => {
      const objects = slowStore();
      const writer = new SliceWriter(objects, 'batch', { sizeOf: () => size });
      const lines = Array.from({ length: count }, (_, index) => `line ${index}`);
      for (const line of lines) await writer.add(Buffer.from(line), 1);
      expect(await writer.end()).toBe(size);
      const slices = Array.from({ length: objects.stored.size }, (_, shard) =>
        objects.stored.get(objectKeys.shardInput('batch', shard)),
      );
      expect(slices).toHaveLength(Math.ceil(count / size));
      expect(slices.join('')).toBe(lines.map((line) => `${line}\n`).join(''));
      for (const slice of slices.slice(0, -1)) expect(slice?.split('\n')).toHaveLength(size + 1);
    }),
    { numRuns: 30 },
  );
});

test('the size is judged once, by the mean of the first lines: a thousand, or 4 MiB of them', async () => {
  const asked: number[] = [];
  const sized = (objects = slowStore()) =>
    new SliceWriter(objects, 'batch', {
      sizeOf: (units) => {
        asked.push(units);
        return 10;
      },
    });
  const many = sized();
  for (let line = 0; line < 3_000; line += 1) await many.add(Buffer.from('x'), line < 1_000 ? 2 : 50);
  await many.end();
  const large = sized();
  for (let line = 0; line < 10; line += 1) await large.add(Buffer.alloc(1024 * 1024), line < 4 ? 3 : 50);
  await large.end();
  const none = sized();
  expect(await none.end()).toBe(0);
  expect(asked).toEqual([2, 3]);
  expect(many.unitsPerLine).toBeCloseTo(34);
});

test('a store that fails ends the writing', async () => {
  const objects = { put: () => Promise.reject(new Error('the disk is full')) };
  const writer = new SliceWriter(objects, 'batch', { sizeOf: () => 1 });
  const writing = async (): Promise<void> => {
    for (let line = 0; line < 2_000; line += 1) await writer.add(Buffer.from('x'), 1);
  };
  await expect(writing()).rejects.toThrow('the disk is full');
});
