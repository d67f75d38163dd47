import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ObjectStore } from '../../store/objectStore.ts';
import { encrypted } from '../../store/objects/encrypted.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { below } from '../../store/objects/prefixed.ts';
import { createS3Store } from '../../store/objects/s3Store.ts';
import { FAKE_S3, startFakeS3, type FakeS3 } from '../support/fakeS3.ts';

const PART_BYTES = 1_000;

let folder: string;
let s3: FakeS3;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-objects-'));
  s3 = await startFakeS3();
});

afterAll(async () => {
  await s3.close();
  await rm(folder, { recursive: true });
});

const s3Store = (retries = 2): ObjectStore =>
  createS3Store({ ...FAKE_S3, endpoint: s3.endpoint, partBytes: PART_BYTES, retries });

async function* chunksOf(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
}

async function* breaking(bytes: number): AsyncGenerator<Uint8Array> {
  yield randomBytes(bytes);
  throw new Error('the client went away');
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const gathered: Uint8Array[] = [];
  for await (const chunk of chunks) gathered.push(chunk);
  return Buffer.concat(gathered);
}

describe.each([
  ['a folder', () => createFileStore(folder)],
  ['S3', () => s3Store()],
  ['a part of S3', () => below('fleets/north', s3Store())],
  ['a folder, encrypted', () => encrypted(['a key for tests, long enough'], createFileStore(join(folder, 'sealed')))],
  ['S3, encrypted', () => encrypted(['a key for tests, long enough'], below('sealed', s3Store()))],
])('objects in %s', (_name, open) => {
  let store: ObjectStore;
  beforeAll(() => {
    store = open();
  });

  test('gives back what was put, and the newest of two', async () => {
    await store.put('jobs/b/one.jsonl', 'first');
    await store.put('jobs/b/one.jsonl', 'zwölf');
    expect((await store.get('jobs/b/one.jsonl')).toString()).toBe('zwölf');
    expect(await store.head('jobs/b/one.jsonl')).toEqual({ sizeBytes: 6 });
    await store.put('empty', new Uint8Array());
    expect(await store.get('empty')).toHaveLength(0);
  });

  test('what is not there is not found, not undefined', async () => {
    await expect(store.get('none/at/all')).rejects.toMatchObject({ code: 'object_not_found' });
    await expect(store.getStream('none')).rejects.toMatchObject({ code: 'object_not_found' });
    await store.put('deep/er/object', 'x');
    await expect(store.get('deep/er')).rejects.toMatchObject({ code: 'object_not_found' });
    await expect(store.getStream('deep/er')).rejects.toMatchObject({ code: 'object_not_found' });
    expect(await store.head('none')).toBeUndefined();
    expect(await store.head('deep')).toBeUndefined();
  });

  test.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 10 * PART_BYTES + 7])(
    'streams %i bytes in and out',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes);
      for (const chunkBytes of [333, 2_500]) {
        expect(await store.putStream('stream', chunksOf(bytes, chunkBytes))).toBe(sizeBytes);
        expect(await gather(await store.getStream('stream'))).toEqual(bytes);
        for (const from of [1, Math.floor(bytes.length / 2), bytes.length]) {
          expect(await gather(await store.getStream('stream', from))).toEqual(bytes.subarray(from));
        }
        expect(await store.head('stream')).toEqual({ sizeBytes });
      }
    },
  );

  test.each([10, 2 * PART_BYTES + 10])('a stream that breaks after %i bytes leaves what was there', async (bytes) => {
    await store.put('kept', 'as it was');
    await expect(store.putStream('kept', breaking(bytes))).rejects.toThrow('the client went away');
    await expect(store.putStream('never', breaking(bytes))).rejects.toThrow('the client went away');
    expect((await store.get('kept')).toString()).toBe('as it was');
    expect(await store.head('never')).toBeUndefined();
  });

  test('lists by prefix in order, over many pages, and only what is finished', async () => {
    const names = ['10', '02', '01', '03', '04', '05', '06', '07', '08', '09'];
    for (const name of names) await store.put(`list/parts/${name}.jsonl`, name);
    await store.put('list/partsnot', 'x');
    const expected = names.sort().map((name) => `list/parts/${name}.jsonl`);
    expect(await store.list('list/parts/')).toEqual(expected);
    expect(await store.list('list/parts')).toEqual([...expected, 'list/partsnot']);
    expect(await store.list('list/parts/0')).toEqual(expected.slice(0, -1));
    expect(await store.list('nothing/')).toEqual([]);
    expect(await store.list('')).toEqual(expect.arrayContaining(expected));
    expect((await store.list('')).filter((key) => key.startsWith('.'))).toEqual([]);
  });

  test('deletes, also what is not there', async () => {
    await store.put('gone', 'x');
    await store.delete('gone');
    await store.delete('gone');
    expect(await store.head('gone')).toBeUndefined();
  });

  test.each([
    '',
    '/',
    '../x',
    'a/../b',
    'a//b',
    '/a',
    'a/',
    '.hidden',
    'a/.b',
    'a\\b',
    'a\0b',
    'ä',
    'a b',
    'a'.repeat(900),
  ])('refuses the key %#', async (key) => {
    const refusal = { code: 'invalid_request', field: 'key' };
    await expect(store.put(key, 'x')).rejects.toMatchObject(refusal);
    await expect(store.putStream(key, chunksOf(Buffer.from('x'), 1))).rejects.toMatchObject(refusal);
    await expect(store.get(key)).rejects.toMatchObject(refusal);
    await expect(store.getStream(key)).rejects.toMatchObject(refusal);
    await expect(store.head(key)).rejects.toMatchObject(refusal);
    await expect(store.delete(key)).rejects.toMatchObject(refusal);
  });

  test('refuses a prefix that leaves the store', async () => {
    await expect(store.list('../')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('two writers of one key leave one of both whole', async () => {
    const bodies = [Buffer.alloc(5_000, 'a'), Buffer.alloc(5_000, 'b')];
    await Promise.all(bodies.map((body) => store.putStream('raced', chunksOf(body, 100))));
    const stored = await store.get('raced');
    expect(bodies.some((body) => body.equals(stored))).toBe(true);
  });
});

test('a folder forgets what a killed process was writing a day ago', async () => {
  const own = join(folder, 'own');
  await mkdir(join(own, '.unfinished'), { recursive: true });
  await writeFile(join(own, '.unfinished', 'old'), 'x');
  await writeFile(join(own, '.unfinished', 'young'), 'x');
  const twoDaysAgo = Date.now() / 1_000 - 2 * 86_400;
  await utimes(join(own, '.unfinished', 'old'), twoDaysAgo, twoDaysAgo);
  await createFileStore(own).put('key', 'x');
  expect(await readdir(join(own, '.unfinished'))).toEqual(['young']);
});

test('S3: retries what is busy, says `unavailable` when it stays so, and leaves no upload open', async () => {
  s3.failNext(2);
  await s3Store().put('busy', 'x');
  expect((await s3Store().get('busy')).toString()).toBe('x');
  s3.failNext(10);
  await expect(s3Store(1).get('busy')).rejects.toMatchObject({ code: 'unavailable' });
  s3.failNext(0);
  const absent = createS3Store({ ...FAKE_S3, endpoint: 'http://127.0.0.1:1', retries: 0 });
  await expect(absent.get('busy')).rejects.toMatchObject({ code: 'unavailable' });
  expect(s3.openUploads()).toBe(0);
});

test('S3: a wrong secret is said in the words of the store', async () => {
  const store = createS3Store({ ...FAKE_S3, secretAccessKey: 'wrong', endpoint: s3.endpoint });
  await expect(store.put('x', 'x')).rejects.toThrow(/403: SignatureDoesNotMatch: No\./);
});
