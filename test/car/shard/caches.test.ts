import { link, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ModelCache, ModelMismatch } from '../../../inference/modelCache.ts';
import { ResultCache } from '../../../car/shard/resultCache.ts';
import { publishBundledModels } from '../../../inference/models/bundledModels.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { objectKeys } from '../../../domain/names.ts';
import type { RunShardResult } from '../../../domain/shards.ts';
import { MemoryObjects } from './support/memoryObjects.ts';
import { cleanUp, storeWithShard, temporaryFolder } from './support/testCar.ts';

afterEach(cleanUp);

const RESULT: RunShardResult = {
  vehicleId: 'car-a',
  storedLines: 8,
  computedLines: 8,
  energyWh: 1.5,
  deviceMs: 10,
  handovers: 0,
  redoneLines: 0,
};

test('publishing the bundled models again changes nothing, and never replaces a version', async () => {
  const objects = new MemoryObjects();
  const registered: string[] = [];
  const publish = () => publishBundledModels(objects, async ({ name }) => registered.push(name));
  const [manifest] = await publish();
  const { length } = objects.puts;
  expect(await publish()).toEqual([manifest]);
  expect(objects.puts).toHaveLength(length);
  expect(registered).toEqual(['pp-ocrv4-rec', 'pp-ocrv4-rec']);

  await objects.put(objectKeys.modelManifest('pp-ocrv4-rec', '2'), '{}');
  await expect(publish()).rejects.toThrow(NightshiftError);
});

test('a model is fetched once, and again when its file was damaged, linked or replaced by a link', async () => {
  const { objects, shard } = await storeWithShard();
  const folder = await temporaryFolder();
  const fetched: string[] = [];
  const cache = new ModelCache(folder);
  const watched = {
    get: (key: string) => objects.get(key),
    getStream: async (key: string, fromByte?: number) => {
      fetched.push(key);
      return await objects.getStream(key, fromByte);
    },
  };
  const fetches = async (): Promise<number> => {
    fetched.length = 0;
    await cache.open(shard.model, watched);
    return fetched.filter((key) => key === objectKeys.model(shard.model.sha256)).length;
  };
  expect(await fetches()).toBe(1);
  expect(await fetches()).toBe(0);

  const { modelPath } = await cache.open(shard.model, watched);
  await writeFile(modelPath, 'damaged');
  expect(await fetches()).toBe(1);
  await link(modelPath, join(folder, 'second-name'));
  expect(await fetches()).toBe(1);

  const outside = join(await temporaryFolder(), 'outside.onnx');
  await writeFile(outside, objects.bodies.get(objectKeys.model(shard.model.sha256)) ?? '');
  await rm(modelPath);
  await symlink(outside, modelPath);
  expect(await fetches()).toBe(1);
});

test('a manifest that speaks of another model is refused', async () => {
  const { objects, shard } = await storeWithShard();
  const cache = new ModelCache(await temporaryFolder());
  await expect(cache.open({ ...shard.model, sha256: '0'.repeat(64) }, objects)).rejects.toThrow(ModelMismatch);
  await objects.put(objectKeys.modelManifest(shard.model.name, shard.model.version), 'no json');
  await expect(cache.open(shard.model, objects)).rejects.toThrow(ModelMismatch);
});

test('results are kept per job, shard and model, and a damaged one is a miss', async () => {
  const { shard } = await storeWithShard();
  const folder = join(await temporaryFolder(), 'results');
  const cache = new ResultCache(folder);
  expect(await cache.read(shard)).toBeUndefined();
  await cache.write(shard, RESULT);
  expect(await cache.read(shard)).toEqual(RESULT);
  expect(await cache.read({ ...shard, shard: 1 })).toBeUndefined();
  expect(await cache.read({ ...shard, jobId: 'other' })).toBeUndefined();
  expect(await cache.read({ ...shard, model: { ...shard.model, sha256: 'other' } })).toBeUndefined();

  const [name = ''] = await readdir(folder);
  await writeFile(join(folder, name), '{"vehicleId"');
  expect(await cache.read(shard)).toBeUndefined();
});

test('only the newest results are kept', async () => {
  const { shard } = await storeWithShard();
  const folder = await temporaryFolder();
  const cache = new ResultCache(folder);
  for (let index = 0; index < 260; index += 1) await cache.write({ ...shard, shard: index }, RESULT);
  expect(await readdir(folder)).toHaveLength(256);
  expect(await cache.read({ ...shard, shard: 259 })).toEqual(RESULT);
});
