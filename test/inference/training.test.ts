import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { TrainingTask } from '../../domain/training.ts';
import { classifierNetwork } from '../../demo/training/networks.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner } from '../../inference/runner/runner.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { trainTask } from '../../inference/training/trainTask.ts';
import { initialWeights } from '../../training/compile.ts';
import { bytesFromFloats } from '../../training/floats.ts';
import type { LocalState } from '../../training/localSteps.ts';
import { seededRandom } from '../../domain/random.ts';
import { stateOf, stateText } from '../../training/unfinished.ts';

const [BATCH, LENGTH, EXAMPLES] = [4, 5, 24];
const LOAD_LIMIT_MS = 120_000;

const runner = new Runner({ loadLimitMs: LOAD_LIMIT_MS, callLimitMs: LOAD_LIMIT_MS });
let folder: string;
let model: LoadedModel;
let weights: Float32Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-training-'));
  const network = classifierNetwork({ words: 12, dimensions: 6, hidden: 6, classes: 3, length: LENGTH });
  const { file, description } = await compileTraining(network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: BATCH },
  });
  const modelPath = join(folder, 'tiny.onnx');
  await writeFile(modelPath, file);
  const pipeline = trainingPipelineOf(description);
  model = { name: 'tiny', version: '1', sha256: 'tiny', modelPath, assetPaths: {}, pipeline };
  weights = initialWeights(file, description);
}, LOAD_LIMIT_MS);
afterAll(async () => {
  await runner.stop();
  await rm(folder, { recursive: true, force: true });
});

const base64 = (list: Int32Array): string => Buffer.from(list.buffer).toString('base64');

function task(changes: Partial<TrainingTask> = {}): TrainingTask {
  const random = seededRandom(2);
  const labels = Int32Array.from({ length: EXAMPLES }, () => Math.floor(random() * 3));
  const ids = Int32Array.from({ length: EXAMPLES * LENGTH }, (_, at) => 1 + (labels[Math.floor(at / LENGTH)] ?? 0));
  return {
    model: 'tiny',
    client: '0',
    weights_sha256: createHash('sha256').update(bytesFromFloats(weights)).digest('hex'),
    steps: 40,
    optimizer: { kind: 'adamw', learning_rate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0 },
    proximal_mu: 0,
    seed: 3,
    data: { examples: EXAMPLES, inputs: { input_ids: base64(ids), labels: base64(labels) } },
    ...changes,
  };
}

test('steps that another car goes on with end in the same bytes', { timeout: LOAD_LIMIT_MS }, async () => {
  const weightBytes = bytesFromFloats(weights);
  const whole = await trainTask({ runner, model, body: task(), weightBytes });
  expect(whole).toMatchObject({ statusCode: 200, body: { object: 'training.update', steps: 40, examples: EXAMPLES } });
  // A car takes one step, leaves what it has, and the next one begins there, in a process of its own.
  const local = { weights, budgetMs: 0 };
  const [begun] = await runner.run(model, [{ ...task(), local }]);
  const state = (begun?.body as { readonly state: LocalState } | undefined)?.state;
  if (!state) throw new Error('there is no state');
  expect(state.step).toBe(1);
  await runner.stop();
  const left = stateOf(stateText(0, state))?.state;
  expect(await trainTask({ runner, model, body: task(), weightBytes, state: left })).toEqual(whole);
});

test('training lowers the loss, and evaluation says so', { timeout: LOAD_LIMIT_MS }, async () => {
  const evaluated = async (at: Float32Array) => {
    const [answer] = await runner.run(model, [{ evaluate: task().data, local: { weights: at, budgetMs: 0 } }]);
    return answer?.body as { readonly loss: number; readonly correct: number; readonly counted: number };
  };
  const answer = await trainTask({ runner, model, body: task(), weightBytes: bytesFromFloats(weights) });
  const { update } = answer.body as { readonly update: string };
  const change = new Float32Array(new Uint8Array(Buffer.from(update, 'base64')).buffer);
  const [before, after] = [
    await evaluated(weights),
    await evaluated(weights.map((each, at) => each + (change[at] ?? 0))),
  ];
  expect(after.loss).toBeLessThan(before.loss / 2);
  expect(after).toMatchObject({ correct: EXAMPLES, counted: EXAMPLES });
});

test.each([
  [
    'other weights',
    { weights_sha256: 'f'.repeat(64) },
    'The weights beside the job are not those that the task names.',
  ],
  ['an input too few', { data: { examples: 1, inputs: {} } }, 'data.inputs lacks "input_ids".'],
  [
    'an input too many',
    { data: { examples: 1, inputs: { x: '' } } },
    'data.inputs names "x", which the model does not take.',
  ],
  ['no steps', { steps: 0 }, 'steps: '],
])('%s are answered with what is wrong', { timeout: LOAD_LIMIT_MS }, async (_, changes, message) => {
  const answer = await trainTask({ runner, model, body: task(changes), weightBytes: bytesFromFloats(weights) });
  expect(answer).toMatchObject({ statusCode: 400, body: { error: { message: expect.stringContaining(message) } } });
});
