import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SliceWriter } from '../../../activities/jobs/sliceWriter.ts';
import { objectKeys } from '../../../domain/names.ts';
import { objectNotFound } from '../../../store/objectStore.ts';
import { readSliceKey } from '../../../store/sliceKeys.ts';
import { packOf, readSlice, sliceReader } from '../../../store/slices.ts';

/** A store that remembers; its writes end in another order than they began. */
function slowStore(chunkBytes = 1024) {
  const stored = new Map<string, Buffer>();
  const get = async (key: string): Promise<Buffer> => {
    const found = stored.get(key);
    if (!found) throw objectNotFound(key);
    return found;
  };
  return {
    get,
    getStream: async (key: string) => {
      const bytes = await get(key);
      return (async function* chunks() {
        for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
      })();
    },
    put: async (key: string, body: Uint8Array | string) => {
      for (let turns = stored.size % 3; turns > 0; turns -= 1) await Promise.resolve();
      stored.set(key, Buffer.from(body));
    },
  };
}

test('every line stands in one slice, in order, and all slices but the last are full, whether they are packed or not', async () => {
  let packed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2_500 }),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_200 })),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 200 }),
      async (count, size, quorum, chunkBytes) => {
        const objects = slowStore(chunkBytes);
        const writer = new SliceWriter(objects, 'batch', { sizeOf: () => size, quorum: () => quorum });
        const lines = Array.from({ length: count }, (_, index) => `line ${index}`);
        for (const line of lines) await writer.add(Buffer.from(line), 1);
        const { linesPerSlice, slicesPerPack } = await writer.end();
        expect(linesPerSlice).toBe(size);
        if (slicesPerPack > 1) packed += 1;
        const cut = { quorum, slicesPerPack };
        const read = sliceReader(objects, 'batch', cut);
        const shards = Array.from({ length: Math.ceil(count / size) * quorum }, (_, shard) => shard);
        const slices = await Promise.all(shards.map((shard) => readSlice(objects, 'batch', shard, cut)));
        for (const shard of shards) {
          expect(await read(shard)).toEqual(slices[shard]);
          expect(slices[shard]).toEqual(slices[shard - (shard % quorum)]);
        }
        const once = slices.filter((_, shard) => shard % quorum === 0).map((slice) => slice.toString());
        expect(once.join('')).toBe(lines.map((line) => `${line}\n`).join(''));
        for (const slice of once.slice(0, -1)) expect(slice.split('\n')).toHaveLength(size + 1);
        await expect(readSlice(objects, 'batch', shards.length, cut)).rejects.toMatchObject({
          code: 'object_not_found',
        });
      },
    ),
    { numRuns: 30, examples: [[1_500, 3, 2, 7]] },
  );
  expect(packed).toBeGreaterThan(0);
});

test('small slices stand some to an object, as far as they stay small together', async () => {
  const objects = slowStore();
  const form = async (lineBytes: number, lines: number) => {
    const writer = new SliceWriter(objects, 'batch', { sizeOf: () => 2 });
    for (let line = 0; line < lines; line += 1) await writer.add(Buffer.alloc(lineBytes, 'x'), 1);
    return (await writer.end()).slicesPerPack;
  };
  expect(await form(10, 1_000)).toBe(16);
  expect(await form(256 * 1024, 40)).toBe(7);
  expect(await form(3 * 1024 * 1024, 4)).toBe(1);
  expect(await form(10, 999)).toBe(1);
});

test('canaries stand in each slice, packed or not, and the key says where', async () => {
  for (const [count, slicesPerPack] of [
    [90, 1],
    [1_500, 16],
  ] as const) {
    const objects = slowStore();
    const canaries = { checkKey: Buffer.alloc(32), countIn: () => 2 };
    const writer = new SliceWriter(objects, 'batch', { sizeOf: () => 20, canaries });
    for (let line = 0; line < count; line += 1)
      await writer.add(Buffer.from(JSON.stringify({ custom_id: `r${line}`, body: { line } })), 1);
    expect(await writer.end()).toEqual({ linesPerSlice: 20, slicesPerPack });
    expect(writer.canaries).toBe(2);
    const read = sliceReader(objects, 'batch', { slicesPerPack });
    const named: (string | null)[] = [];
    for (let slice = 0; slice < Math.ceil(count / 20); slice += 1) {
      const key = (await readSliceKey(objects, { canaries: 2 }, 'batch', slice)) ?? [];
      const lines = (await read(slice)).toString().trim().split('\n');
      expect(lines).toHaveLength(key.length);
      expect(key.filter((customId) => customId === null)).toHaveLength(2);
      named.push(...key);
      // What the key names is what was asked under that name.
      for (const [place, customId] of key.entries()) {
        const { body } = JSON.parse(lines[place] ?? '') as { body: { line: number } };
        if (customId !== null) expect(`r${body.line}`).toBe(customId);
      }
    }
    expect(named.filter((customId) => customId !== null)).toEqual(
      Array.from({ length: count }, (_, line) => `r${line}`),
    );
  }
});

test('a pack that is cut short is no slice', async () => {
  const objects = slowStore();
  const pack = packOf([[Buffer.from('one\n')], [Buffer.from('tw'), Buffer.from('o\n')]], 2);
  await objects.put(objectKeys.slicePack('batch', 0), pack.subarray(0, -1));
  expect(await readSlice(objects, 'batch', 0, { slicesPerPack: 2 })).toEqual(Buffer.from('one\n'));
  await expect(readSlice(objects, 'batch', 1, { slicesPerPack: 2 })).rejects.toThrow('ends after');
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
  expect(await none.end()).toMatchObject({ linesPerSlice: 0 });
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
