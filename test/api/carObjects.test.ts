import { HOUR_MS } from '../../domain/durations.ts';
import { afterEach, expect, test } from 'vitest';

import { openSliceStore } from '../../car/shard/sliceStore.ts';
import { objectKeys } from '../../domain/names.ts';
import type { RunShardInput } from '../../domain/shards.ts';
import { lockComputeAttempts } from '../../store/computeAttempts.ts';
import { sliceSignerWith, type CarSliceScope } from '../../store/sliceAccess.ts';
import { cleanUp, storeWithShard, testCar } from '../car/shard/support/testCar.ts';
import { insertBatch, markWorkRemoved, recordBatchSplit } from '../../store/batches.ts';
import { packOf } from '../../store/slices.ts';
import { storeBatch } from '../support/batchFixture.ts';
import { enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
afterEach(cleanUp);

/** The store behind the API, with a shard and its model in it. */
async function storedShard(): Promise<{ input: RunShardInput; scope: CarSliceScope }> {
  const { objects, shard: input } = await storeWithShard();
  for (const [key, body] of objects.bodies) await api.ports.objects.put(key, body);
  const { name, version, sha256 } = input.model;
  const { jobId, shard } = input;
  const expiresRealMs = Date.now() + HOUR_MS;
  const car = { vehicleId: 'car-1', handedOutRealMs: Date.now() - HOUR_MS };
  return { input, scope: { jobId, shard, model: { name, version, sha256 }, expiresRealMs, car } };
}

const sliceOf = (token: string) => openSliceStore({ url: api.server.url, token });

test('a car that holds nothing of the store answers its shard over the API', async () => {
  const { input, scope } = await storedShard();
  const access = { url: api.server.url, token: api.ports.slices.sign(scope) };
  const { objects } = await storeWithShard();
  const car = await testCar('car-1', objects, {
    openSlice: (given) => openSliceStore(given ?? { url: '', token: '' }),
  });
  const result = await car.attempt({ ...input, access }).result;
  expect(result).toMatchObject({ storedLines: input.lines, computedLines: input.lines });
  const parts = await api.ports.objects.list(objectKeys.partPrefix(input.jobId, 0));
  expect(parts).toHaveLength(3);
  expect(await api.ports.objects.list(objectKeys.receiptPrefix(input.jobId, 0))).toHaveLength(3);
  expect(objects.puts.filter((key) => key.includes('/parts/'))).toEqual([]);
});

test('it answers a shard whose slice stands in a pack', async () => {
  const { input, scope } = await storedShard();
  const jobId = 'batch_packed_shard';
  const shard = 3;
  await storeBatch(database, jobId, 0);
  await recordBatchSplit(database, jobId, { slicesPerPack: 2 });
  const slice = await api.ports.objects.get(input.inputKey);
  const pack = packOf([[Buffer.from('of another shard\n')], [slice]], 2);
  await api.ports.objects.put(objectKeys.slicePack(jobId, 1), pack);
  const access = { url: api.server.url, token: api.ports.slices.sign({ ...scope, jobId, shard }) };
  const { objects } = await storeWithShard();
  const car = await testCar('car-1', objects, {
    openSlice: (given) => openSliceStore(given ?? { url: '', token: '' }),
  });
  const inputKey = objectKeys.shardInput(jobId, shard);
  const result = await car.attempt({ ...input, jobId, shard, inputKey, access }).result;
  expect(result).toMatchObject({ storedLines: input.lines, computedLines: input.lines });
});

test('it reaches nothing beside its shard and its model', async () => {
  const { scope } = await storedShard();
  const slice = sliceOf(api.ports.slices.sign(scope));
  const range = { start: 0, end: 3 };
  const foreign = [
    objectKeys.shardInput(scope.jobId, 1),
    objectKeys.shardInput('batch_2', 0),
    objectKeys.file('file-1'),
    objectKeys.modelManifest('another', '1'),
    objectKeys.model('1'.repeat(64)),
    objectKeys.modelAsset('1'.repeat(64)),
    `${objectKeys.partPrefix(scope.jobId, 0)}../input.jsonl`,
    `${objectKeys.partPrefix(scope.jobId, 0)}../../x`,
    '../secrets-key',
  ];
  for (const key of foreign) await expect(slice.get(key)).rejects.toMatchObject({ code: 'forbidden' });
  for (const key of [
    objectKeys.shardInput(scope.jobId, 0),
    objectKeys.part(scope.jobId, 1, range, 'car-1'),
    objectKeys.part(scope.jobId, 0, range, 'car-2'),
    objectKeys.part(scope.jobId, 0, range, undefined),
    objectKeys.receipt(scope.jobId, 0, range, 'car-2'),
    ...foreign.slice(0, 6),
  ]) {
    await expect(slice.put(key, 'x')).rejects.toMatchObject({ code: 'forbidden' });
  }
  for (const prefix of ['jobs/', `jobs/${scope.jobId}/`, objectKeys.receiptPrefix(scope.jobId, 1)]) {
    await expect(slice.list(prefix)).rejects.toMatchObject({ code: 'forbidden' });
  }
});

test('a token that was forged, signed with another secret, or has expired opens nothing', async () => {
  const { scope } = await storedShard();
  const key = objectKeys.shardInput(scope.jobId, 0);
  const good = api.ports.slices.sign(scope);
  expect((await sliceOf(good).get(key)).byteLength).toBeGreaterThan(0);
  const [payload, signature] = good.split('.');
  const wider = Buffer.from(JSON.stringify({ ...scope, shard: 1 })).toString('base64url');
  const bad = [
    '',
    'x',
    `${payload}.`,
    `${payload}.${signature?.slice(0, -2)}AA`,
    `${wider}.${signature}`,
    sliceSignerWith('another secret').sign(scope),
    api.ports.slices.sign({ ...scope, expiresRealMs: Date.now() - 1 }),
    api.ports.apiKey,
  ];
  for (const token of bad) await expect(sliceOf(token).get(key)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('a part that is there stays as it is: a car that had the shard before replaces nothing', async () => {
  const { scope } = await storedShard();
  const slice = sliceOf(api.ports.slices.sign(scope));
  const key = objectKeys.part(scope.jobId, 0, { start: 100, end: 101 }, 'car-1');
  await slice.put(key, 'first');
  await slice.put(key, 'second');
  expect((await api.ports.objects.get(key)).toString()).toBe('first');
});

test('what is absent is said, and an API that is away can be asked again', async () => {
  const { scope } = await storedShard();
  const token = api.ports.slices.sign(scope);
  await api.ports.objects.delete(objectKeys.shardInput(scope.jobId, 0));
  await expect(sliceOf(token).get(objectKeys.shardInput(scope.jobId, 0))).rejects.toMatchObject({
    code: 'object_not_found',
  });
  const away = openSliceStore({ url: 'http://127.0.0.1:1', token });
  await expect(away.list(objectKeys.receiptPrefix(scope.jobId, 0))).rejects.toMatchObject({ code: 'unavailable' });
});

test('a slice that stands in a pack is read by its shard, from any byte on', async () => {
  const { scope } = await storedShard();
  const packed = { ...scope, jobId: 'batch_packed', shard: 5 };
  await storeBatch(database, packed.jobId, 0);
  await recordBatchSplit(database, packed.jobId, { quorum: 2, slicesPerPack: 2 });
  const pack = packOf([[Buffer.from('slice 2\n')]], 2);
  await api.ports.objects.put(objectKeys.slicePack(packed.jobId, 1), pack);
  const key = objectKeys.shardInput(packed.jobId, 5);
  const slice = sliceOf(api.ports.slices.sign(packed));
  expect((await slice.get(key)).toString()).toBe('slice 2\n');
  const answer = await api.fetch(`/cars/v1/object?key=${encodeURIComponent(key)}&from_byte=6`, {
    headers: { authorization: `Bearer ${api.ports.slices.sign(packed)}` },
  });
  expect(await answer.text()).toBe('2\n');
  await expect(slice.get(objectKeys.slicePack(packed.jobId, 1))).rejects.toMatchObject({ code: 'forbidden' });
});

test('a token that the gateway has not handed to a car opens nothing', async () => {
  const { scope } = await storedShard();
  const { car: _, ...nobodys } = scope;
  const slice = sliceOf(api.ports.slices.sign(nobodys));
  await expect(slice.get(objectKeys.shardInput(scope.jobId, 0))).rejects.toMatchObject({ code: 'unauthorized' });
});

test('a receipt records from when to when its car had the shard, by our clocks', async () => {
  const { scope } = await storedShard();
  await enrolFleet(database, ['car-1']);
  const slice = sliceOf(api.ports.slices.sign(scope));
  await slice.put(objectKeys.receipt(scope.jobId, 0, { start: 0, end: 3 }, 'car-1'), '{}');
  const shard = { vehicleId: 'car-1', jobId: scope.jobId, shard: 0 };
  const { own } = await database.transaction((tx) => lockComputeAttempts(tx, shard));
  const { scale } = api.ports.cell.clock;
  expect((own?.heldMs ?? 0) / scale).toBeGreaterThanOrEqual(HOUR_MS);
  expect((own?.heldMs ?? 0) / scale).toBeLessThan(HOUR_MS + 60_000);
});

test('cars read and list what others of their shard have begun, and write it in their own name only', async () => {
  const { scope } = await storedShard();
  const { jobId } = scope;
  const [own, others] = ['car-1', 'car-2'].map((id) => objectKeys.unfinished(jobId, 0, 7, id));
  await api.ports.objects.put(others ?? '', '{"0":[{"tokens":[1,2,3,4,5,6,7]}]}');
  const slice = sliceOf(api.ports.slices.sign(scope));
  await slice.put(own ?? '', '{}');
  expect(await slice.list(objectKeys.unfinishedPrefix(jobId, 0))).toEqual([own, others]);
  expect((await slice.get(others ?? '')).toString()).toContain('[1,2,3');

  const prefix = objectKeys.unfinishedPrefix(jobId, 0);
  for (const key of [
    objectKeys.unfinished(jobId, 1, 7, 'car-1'),
    `${prefix}7.car-1.json`,
    `${prefix}x`,
    `${prefix}../input.jsonl`,
  ]) {
    await expect(slice.get(key)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(slice.put(key, 'x')).rejects.toMatchObject({ code: 'forbidden' });
  }
  await expect(slice.put(objectKeys.unfinished(jobId, 0, 8, 'car-2'), 'x')).rejects.toMatchObject({
    code: 'forbidden',
  });
  await expect(slice.list(objectKeys.unfinishedPrefix(jobId, 1))).rejects.toMatchObject({ code: 'forbidden' });
});

test('nothing of a batch comes back once its work was removed', async () => {
  const { scope } = await storedShard();
  const key = objectKeys.part(scope.jobId, 0, { start: 100, end: 103 }, 'car-1');
  await insertBatch(database, {
    id: scope.jobId,
    endpoint: '/v1/embeddings',
    inputFileId: 'file-x',
    completionWindow: '24h',
    metadata: null,
    outputExpiresAfterSeconds: null,
    deadlineMs: 1,
    submittedAtMs: 0,
    idempotencyKey: null,
    requestHash: 'x',
  });
  await markWorkRemoved(database, scope.jobId);
  const slice = sliceOf(api.ports.slices.sign(scope));
  await expect(slice.put(key, 'late')).rejects.toMatchObject({ code: 'conflict' });
  expect(await api.ports.objects.head(key)).toBeUndefined();
});
