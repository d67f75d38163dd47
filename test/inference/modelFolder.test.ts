import { createHash } from 'node:crypto';
import { readdir, readFile, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { modelFilePathSchema, modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { ModelCache, ModelMismatch } from '../../inference/modelCache.ts';
import { folderSha256 } from '../../inference/models/folderSha256.ts';
import { MemoryObjects } from '../car/shard/support/memoryObjects.ts';
import { cleanUp, temporaryFolder } from '../car/shard/support/testCar.ts';

afterEach(cleanUp);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

async function published(objects: MemoryObjects, name: string, contents: Record<string, string>): Promise<ModelRef> {
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    sha256: sha256(text),
    sizeBytes: text.length,
  }));
  for (const text of Object.values(contents)) await objects.put(objectKeys.modelFile(sha256(text)), text);
  const manifest = modelManifestSchema.parse({
    name,
    version: '1',
    family: 'general',
    sha256: folderSha256(files),
    sizeBytes: 100,
    requestUrl: '/v1/chat/completions',
    pipeline: { kind: 'text-generation', layout: 'huggingface', contextTokens: 16, chat: false, batchInvariant: true },
    folder: { networkPath: 'onnx/model.onnx', files },
  });
  await objects.put(objectKeys.modelManifest(name, '1'), JSON.stringify(manifest));
  return { name, version: '1', family: 'general', sha256: manifest.sha256 };
}

const CHAT = { 'onnx/model.onnx': 'network', 'onnx/model.onnx_data': 'w'.repeat(1_000), 'tokenizer.json': '{}' };

describe('a model that is a folder', () => {
  test('lies on the disk as it was sent, weights beside the network', async () => {
    const objects = new MemoryObjects();
    const loaded = await new ModelCache(await temporaryFolder()).open(
      await published(objects, 'a/chat', CHAT),
      objects,
    );
    expect(Object.keys(loaded.filePaths ?? {})).toEqual(Object.keys(CHAT));
    expect(await readdir(dirname(loaded.modelPath))).toEqual(['model.onnx', 'model.onnx_data']);
    expect(await readFile(loaded.filePaths?.['tokenizer.json'] ?? '', 'utf8')).toBe('{}');
    expect(loaded.assetPaths[sha256('{}')]).toBe(loaded.filePaths?.['tokenizer.json']);
  });

  test('is fetched on from where a broken download ended', async () => {
    const objects = new MemoryObjects();
    const ref = await published(objects, 'chat', CHAT);
    const weights = objectKeys.modelFile(sha256(CHAT['onnx/model.onnx_data']));
    const starts: number[] = [];
    const breaking = {
      get: (key: string) => objects.get(key),
      getStream: async (key: string, fromByte = 0) => {
        if (key !== weights) return objects.getStream(key, fromByte);
        starts.push(fromByte);
        const bytes = (await objects.get(key)).subarray(fromByte);
        return (async function* () {
          yield bytes.subarray(0, 400);
          if (starts.length < 3) throw new Error('out of coverage');
          yield bytes.subarray(400);
        })();
      },
    };
    const folder = await temporaryFolder();
    for (const kept of [0, 400]) {
      await expect(new ModelCache(folder).open(ref, breaking)).rejects.toThrow('coverage');
      expect(starts.at(-1)).toBe(kept);
    }
    await new ModelCache(folder).open(ref, breaking);
    expect(starts).toEqual([0, 400, 800]);
  });

  test('makes room: what was not used for longest goes, what is opened stays', async () => {
    const objects = new MemoryObjects();
    const old = await published(objects, 'old', { ...CHAT, 'config.json': 'old' });
    const recent = await published(objects, 'recent', { ...CHAT, 'config.json': 'recent' });
    const newest = await published(objects, 'newest', { ...CHAT, 'config.json': 'newest' });
    const folder = await temporaryFolder();
    const cache = new ModelCache(folder, 2_500);
    for (const [minutesAgo, ref] of [
      [20, old],
      [10, recent],
    ] as const) {
      await cache.open(ref, objects);
      const then = new Date(Date.now() - minutesAgo * 60_000);
      await utimes(join(folder, ref.sha256), then, then);
    }
    await cache.open(newest, objects);
    expect((await readdir(folder)).sort()).toEqual([recent.sha256, newest.sha256].sort());
    await new ModelCache(folder, 1).open(newest, objects);
    expect(await readdir(folder)).toEqual([newest.sha256]);
  });

  test('is refused when its files are not those that its hash pins', async () => {
    const objects = new MemoryObjects();
    const ref = await published(objects, 'chat', CHAT);
    const key = objectKeys.modelManifest('chat', '1');
    const other = (await objects.get(key)).toString('utf8').replace(sha256('{}'), sha256('{"evil":1}'));
    await objects.put(key, other);
    await expect(new ModelCache(await temporaryFolder()).open(ref, objects)).rejects.toThrow(ModelMismatch);
  });
});

test('no path of a model leads out of its folder', () => {
  for (const path of ['../x', 'a/../../x', '/etc/passwd', '.hidden', 'a//b', 'a/.', 'a\\b', '', 'a/', 'a\0b']) {
    expect(modelFilePathSchema.safeParse(path).success, path).toBe(false);
  }
  expect(modelFilePathSchema.safeParse('onnx/model_q4.onnx_data').success).toBe(true);
});
