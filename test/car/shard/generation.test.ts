import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import type { ModelManifest } from '../../../domain/models.ts';
import { objectKeys } from '../../../domain/names.ts';
import type { RunShardInput } from '../../../domain/shards.ts';
import { folderSha256 } from '../../../inference/models/folderSha256.ts';
import { TINY_CONTEXT, writeTinyLlama } from '../../support/tinyLlama.ts';
import { MemoryObjects } from './support/memoryObjects.ts';
import { cleanUp, JOB_ID, storedAnswers, temporaryFolder, testCar } from './support/testCar.ts';

afterEach(cleanUp);

/** On a busy machine. */
const RUNNER_STARTS_MS = 30_000;
const LINES = 12;
/** What the first line may have; each line after it ten more. */
const FEWEST_TOKENS = 60;

/** A store with a tiny language model, and a shard of chats, greedy and sampled. */
async function storeWithChats(): Promise<{ objects: MemoryObjects; shard: RunShardInput }> {
  const objects = new MemoryObjects();
  const folder = await temporaryFolder();
  await writeTinyLlama(folder, { layout: 'huggingface', weights: 'fp32' });
  const paths = (await readdir(folder, { recursive: true })).filter((path) => /\.(json|onnx)$/.test(path)).sort();
  const files = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(join(folder, path));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await objects.put(objectKeys.modelFile(sha256), bytes);
      return { path, sha256, sizeBytes: bytes.length };
    }),
  );
  const sha256 = folderSha256(files);
  const manifest: ModelManifest = {
    name: 'tiny',
    version: '1',
    family: 'general',
    sha256,
    sizeBytes: 1,
    requestUrl: '/v1/chat/completions',
    pipeline: {
      kind: 'text-generation',
      layout: 'huggingface',
      contextTokens: TINY_CONTEXT,
      chat: true,
      batchInvariant: true,
    },
    folder: { networkPath: 'onnx/model.onnx', files },
  };
  await objects.put(objectKeys.modelManifest('tiny', '1'), JSON.stringify(manifest));
  const lines = Array.from({ length: LINES }, (_, index) =>
    JSON.stringify({
      custom_id: `c${index}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: {
        model: 'tiny',
        messages: [{ role: 'user', content: `Question ${index}` }],
        max_completion_tokens: FEWEST_TOKENS + 10 * index,
        temperature: index % 2,
      },
    }),
  );
  const inputKey = objectKeys.shardInput(JOB_ID, 0);
  await objects.put(inputKey, `${lines.join('\n')}\n`);
  const model = { name: 'tiny', version: '1', family: 'general', sha256 };
  const deadlineMs = Date.now() + 3_600_000;
  const shard = { jobId: JOB_ID, shard: 0, model, inputKey, lines: LINES, linesPerPart: 3, deadlineMs };
  return { objects, shard: { ...shard, submittedAtMs: 1_764_000_000_000 } };
}

describe('a shard of generated texts', () => {
  test('goes on in mid-sentence on the next car, in the bytes of an undisturbed run', async () => {
    const { objects: quiet, shard } = await storeWithChats();
    const undisturbed = await (await testCar('calm', quiet)).attempt(shard).result;
    expect(undisturbed).toMatchObject({ storedLines: LINES, handovers: 0 });
    expect(undisturbed.redoneTokens).toBeUndefined();

    const objects = new MemoryObjects();
    for (const [key, body] of quiet.bodies)
      if (!key.includes('/parts/') && !key.includes('/receipts/')) objects.bodies.set(key, body);
    const first = await testCar('first', objects, { limits: { heartbeatMs: 5 } });
    const attempt = first.attempt(shard);
    // The first line goes to the runner alone and may be answered before the others begin; they go together.
    await expect
      .poll(() => attempt.heartbeats.at(-1)?.unstoredTokens ?? 0, { interval: 5, timeout: RUNNER_STARTS_MS })
      .toBeGreaterThan(FEWEST_TOKENS);
    first.ports.gate.close('unplugged');
    await expect(attempt.result).rejects.toThrow('unplugged');
    const left = attempt.heartbeats.at(-1);
    expect(left?.storedLines).toBeLessThan(LINES);
    expect(left?.unstoredTokens).toBe(0);
    const unfinished = await objects.list(objectKeys.unfinishedPrefix(JOB_ID, 0));
    expect(unfinished).toHaveLength(1);

    const second = await testCar('second', objects);
    const result = await second.attempt(shard, left).result;
    expect(result).toMatchObject({ storedLines: LINES, handovers: 1, redoneLines: 0 });
    expect(result.redoneTokens).toBeUndefined();
    expect(storedAnswers(objects, shard)).toEqual(storedAnswers(quiet, shard));
    expect(JSON.parse(storedAnswers(objects, shard)[0] ?? '')).toMatchObject({
      custom_id: 'c0',
      response: { status_code: 200, body: { object: 'chat.completion', created: 1_764_000_000 } },
    });
  });

  test('counts tokens that a car took with it', async () => {
    const { objects, shard } = await storeWithChats();
    const car = await testCar('next', objects);
    const vanished = {
      vehicleId: 'gone',
      storedLines: 0,
      computedLines: 0,
      unstoredLines: 0,
      energyWh: 1,
      deviceMs: 1,
    };
    const heartbeat = { ...vanished, handovers: 0, redoneLines: 0, unstoredTokens: 321 };
    expect((await car.attempt(shard, heartbeat).result).redoneTokens).toBe(321);
  });

  test('takes nothing that cannot be read from a car that left', async () => {
    const { objects, shard } = await storeWithChats();
    await objects.put(objectKeys.unfinished(JOB_ID, 0, 5, 'liar'), '{"0":[{"tokens":["x"]}]}');
    await objects.put(objectKeys.unfinished(JOB_ID, 0, 6, 'liar'), '{"1":[{"tokens":[999999]}]}');
    await objects.put(objectKeys.unfinished(JOB_ID, 0, 1, 'liar'), '{"2":[{"tokens":[999999]}]}');
    await objects.put(objectKeys.unfinished(JOB_ID, 0, 4, 'liar'), '{"3":[{"tokens":[1,2,3,4]}]}');
    const car = await testCar('next', objects);
    expect(await car.attempt(shard).result).toMatchObject({ storedLines: LINES });
    expect(storedAnswers(objects, shard).every((line) => line.includes('"status_code":200'))).toBe(true);
    const { objects: quiet } = await storeWithChats();
    await (await testCar('calm', quiet)).attempt(shard).result;
    expect(storedAnswers(objects, shard)).toEqual(storedAnswers(quiet, shard));
  });
});
