import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { ObjectStore } from '../../store/objectStore.ts';
import { encrypted } from '../../store/objects/encrypted.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';

const OLD = 'the old key of these tests';
const NEW = 'the new key of these tests';
const CHUNK = 64 * 1024;

let folder: string;
let raw: ObjectStore;
let store: ObjectStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-encrypted-'));
  raw = createFileStore(folder);
  store = encrypted([OLD], raw);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const gathered: Uint8Array[] = [];
  for await (const chunk of chunks) gathered.push(chunk);
  return Buffer.concat(gathered);
}

test('whatever its size and however it is cut, an object comes back, and its size is known', async () => {
  const sizes = fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.constantFrom(...[1, 2].flatMap((n) => [-1, 0, 1, 16].map((more) => n * CHUNK + more))),
  );
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 97, max: 200_000 }), fc.boolean(), async (size, chunkBytes, streamed) => {
      const bytes = randomBytes(size);
      if (streamed) expect(await store.putStream('sized', inChunks(bytes, chunkBytes))).toBe(size);
      else await store.put('sized', bytes);
      expect(await store.head('sized')).toEqual({ sizeBytes: size });
      expect((await store.get('sized')).equals(bytes)).toBe(true);
      expect((await gather(await store.getStream('sized'))).equals(bytes)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('nothing of it stands in the store, and the same bytes twice are not the same there', async () => {
  const secret = 'a submitter’s private text '.repeat(10_000);
  await store.put('one', secret);
  await store.put('two', secret);
  const [one, two] = await Promise.all([raw.get('one'), raw.get('two')]);
  expect(one.includes('private')).toBe(false);
  expect(one.subarray(44).equals(two.subarray(44))).toBe(false);
});

test('keys are replaced one after the other: the first encrypts, all decrypt', async () => {
  await store.put('rotated', 'before');
  const both = encrypted([NEW, OLD], raw);
  expect((await both.get('rotated')).toString()).toBe('before');
  await both.put('rotated', 'after');
  expect((await encrypted([NEW], raw).get('rotated')).toString()).toBe('after');
  await expect(store.get('rotated')).rejects.toMatchObject({
    code: 'object_not_decrypted',
    message: expect.stringMatching(/encrypted with the key [0-9a-f]{16}, which is not among/),
  });
  await expect(gather(await store.getStream('rotated'))).rejects.toMatchObject({ code: 'object_not_decrypted' });
});

test('an object that was stored without encryption is refused, so that nobody can slip one in', async () => {
  for (const body of ['', 'plain', 'x'.repeat(1_000)]) {
    await raw.put('plain', body);
    await expect(store.get('plain')).rejects.toThrow('stored without encryption');
    await expect(gather(await store.getStream('plain'))).rejects.toThrow('stored without encryption');
  }
});

test('a changed bit, a cut, chunks in another order and an object under another key do not open', async () => {
  await store.put('whole', randomBytes(3 * CHUNK + 5));
  const whole = await raw.get('whole');
  const sealedChunk = CHUNK + 16;
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  const swapped = Buffer.concat([
    whole.subarray(0, 44),
    whole.subarray(44 + sealedChunk, 44 + 2 * sealedChunk),
    whole.subarray(44, 44 + sealedChunk),
    whole.subarray(44 + 2 * sealedChunk),
  ]);
  const forged = [
    ...[3, 9, 20, 44, 70, 44 + sealedChunk, whole.byteLength - 1].map(changed),
    ...[44, 45, 44 + sealedChunk, 44 + 2 * sealedChunk + 7, whole.byteLength - 1].map((to) => whole.subarray(0, to)),
    swapped,
  ];
  for (const bytes of forged) {
    await raw.put('whole', bytes);
    await expect(store.get('whole')).rejects.toMatchObject({ code: 'object_not_decrypted' });
    await expect(gather(await store.getStream('whole'))).rejects.toMatchObject({ code: 'object_not_decrypted' });
  }
  await raw.put('elsewhere', whole);
  await expect(store.get('elsewhere')).rejects.toMatchObject({ code: 'object_not_decrypted' });
});
