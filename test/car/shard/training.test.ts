import { createHash } from 'node:crypto';

import { afterEach, expect, test } from 'vitest';

import type { ModelManifest } from '../../../domain/models.ts';
import { objectKeys, unfinishedOfKey } from '../../../domain/names.ts';
import type { RunShardInput } from '../../../domain/shards.ts';
import type { TrainingTask } from '../../../domain/training.ts';
import { classifierNetwork } from '../../../demo/training/networks.ts';
import { compileTraining } from '../../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../../inference/training/trainingManifest.ts';
import { initialWeights } from '../../../training/compile.ts';
import { bytesFromFloats } from '../../../training/floats.ts';
import { stateOf } from '../../../training/unfinished.ts';
import { MemoryObjects } from './support/memoryObjects.ts';
import { cleanUp, JOB_ID, storedAnswers, testCar } from './support/testCar.ts';

afterEach(cleanUp);

const LIMIT_MS = 180_000;
const [BATCH, LENGTH, EXAMPLES] = [8, 10, 64];
const STEPS = 2_000;

/** A store with a training model, a round's weights, and a shard that is one client's steps. */
async function storeWithClient(
  changes: Partial<TrainingTask> = {},
): Promise<{ objects: MemoryObjects; shard: RunShardInput }> {
  const objects = new MemoryObjects();
  const network = classifierNetwork({ words: 200, dimensions: 16, hidden: 16, classes: 5, length: LENGTH });
  const { file, description } = await compileTraining(network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: BATCH },
  });
  const sha256 = createHash('sha256').update(file).digest('hex');
  const [name, version, family] = ['tiny', '1', 'general'];
  const pipeline = trainingPipelineOf(description);
  const manifest: ModelManifest = { name, version, family, sha256, sizeBytes: 1, requestUrl: '/v1/training', pipeline };
  await objects.put(objectKeys.modelManifest(name, version), JSON.stringify(manifest));
  await objects.put(objectKeys.model(sha256), file);
  const weights = bytesFromFloats(initialWeights(file, description));
  await objects.put(objectKeys.jobWeights(JOB_ID), weights);
  const column = (each: number, at: (index: number) => number): string =>
    Buffer.from(Int32Array.from({ length: EXAMPLES * each }, (_, index) => at(index)).buffer).toString('base64');
  const body: TrainingTask = {
    model: name,
    client: '3',
    weights_sha256: createHash('sha256').update(weights).digest('hex'),
    steps: STEPS,
    optimizer: { kind: 'sgd', learning_rate: 0.05, momentum: 0.9, weight_decay: 0 },
    proximal_mu: 0,
    seed: 1,
    data: {
      examples: EXAMPLES,
      inputs: { input_ids: column(LENGTH, (index) => (index * 7) % 200), labels: column(1, (index) => index % 5) },
    },
    ...changes,
  };
  const inputKey = objectKeys.shardInput(JOB_ID, 0);
  await objects.put(inputKey, `${JSON.stringify({ custom_id: 'c', method: 'POST', url: '/v1/training', body })}\n`);
  const model = { name, version, family, sha256 };
  const deadlineMs = Date.now() + 3_600_000;
  return { objects, shard: { jobId: JOB_ID, shard: 0, model, inputKey, lines: 1, linesPerPart: 1, deadlineMs } };
}

test(
  'a client whose car leaves goes on at its last step on the next car, to the same bytes',
  { timeout: LIMIT_MS },
  async () => {
    const { objects: quiet, shard } = await storeWithClient();
    expect(await (await testCar('calm', quiet)).attempt(shard).result).toMatchObject({ storedLines: 1, handovers: 0 });
    const [undisturbed = ''] = storedAnswers(quiet, shard);
    expect(JSON.parse(undisturbed)).toMatchObject({
      response: { status_code: 200, body: { object: 'training.update', client: '3', steps: STEPS } },
    });

    const { objects } = await storeWithClient();
    const first = await testCar('first', objects, { limits: { unfinishedMs: 1 } });
    // It leaves as soon as it has left something for the next one, however quick this machine is.
    const put = objects.put.bind(objects);
    objects.put = async (key, body) => {
      await put(key, body);
      if (key.startsWith(objectKeys.unfinishedPrefix(JOB_ID, 0))) first.ports.gate.close('unplugged');
    };
    const attempt = first.attempt(shard);
    const left = (): Promise<string[]> => objects.list(objectKeys.unfinishedPrefix(JOB_ID, 0));
    await expect(attempt.result).rejects.toThrow('unplugged');
    const steps = (await left()).map((key) => unfinishedOfKey(key)?.tokens ?? 0);
    expect(Math.max(...steps)).toBeLessThan(STEPS);

    const second = await testCar('second', objects);
    const result = await second.attempt(shard, attempt.heartbeats.at(-1)).result;
    expect(result).toMatchObject({ storedLines: 1, handovers: 1 });
    expect(storedAnswers(objects, shard)).toEqual([undisturbed]);
  },
);

test('what another car left that is no state of these weights is not gone on from', { timeout: LIMIT_MS }, async () => {
  const { objects: quiet, shard } = await storeWithClient({ steps: 3 });
  await (await testCar('calm', quiet)).attempt(shard).result;
  const { objects } = await storeWithClient({ steps: 3 });
  await objects.put(
    objectKeys.unfinished(JOB_ID, 0, 2, 'liar'),
    '{"line":0,"step":2,"lossSum":1,"weights":"AAAA","moments":[]}',
  );
  await objects.put(objectKeys.unfinished(JOB_ID, 0, 1, 'liar'), 'no state');
  expect(stateOf('no state')).toBeUndefined();
  await (await testCar('next', objects)).attempt(shard).result;
  expect(storedAnswers(objects, shard)).toEqual(storedAnswers(quiet, shard));
});
