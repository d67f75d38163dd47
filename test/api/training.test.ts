import { createHash } from 'node:crypto';

import { InferenceSession } from 'onnxruntime-node';
import { toFile } from 'openai';
import { beforeAll, expect, test } from 'vitest';

import { writeCheckpoint } from '../../activities/training/checkpoints.ts';
import { objectKeys } from '../../domain/names.ts';
import { classifierNetwork } from '../../demo/training/networks.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { addModel } from '../../store/models.ts';
import { closeTrainingRound, openTrainingRound, setTrainingState } from '../../store/trainingRuns.ts';
import { initialWeights } from '../../training/compile.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const PLAN = { optimizer: { kind: 'sgd', learning_rate: 0.1 }, rounds: 2, local_steps: 1, clients: 2 };

let fileId: string;
let weights: Float32Array;

beforeAll(async () => {
  const network = classifierNetwork({ words: 9, dimensions: 3, hidden: 3, classes: 3, length: 4 });
  const { file, description } = await compileTraining(network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: 2 },
  });
  weights = initialWeights(file, description);
  const sha256 = createHash('sha256').update(file).digest('hex');
  await api.ports.objects.put(objectKeys.model(sha256), file);
  const pipeline = trainingPipelineOf(description);
  const [name, version, family] = ['tiny', '1', 'general'];
  const manifest = { name, version, family, sha256, sizeBytes: file.length, requestUrl: '/v1/training', pipeline };
  await addModel(database, { name, version, family, sha256, manifest, tenantId: null });
  await addModel(database, { name: 'other', version, family, sha256, manifest: {}, tenantId: null });
  const upload = await toFile(Buffer.from('{}\n'), 'examples.jsonl');
  fileId = (await api.client.files.create({ file: upload, purpose: 'batch' })).id;
});

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

async function started(): Promise<string> {
  const asked = { name: 'a run', model: 'tiny', train_file_id: fileId, plan: PLAN };
  const { status, body } = await call('POST', '/v1/training_runs', asked);
  expect(status).toBe(200);
  return body.id;
}

/** As the run's workflow leaves them. */
async function roundsDone(runId: string, count: number): Promise<void> {
  await writeCheckpoint(api.ports.objects, runId, 0, { weights, moments: [] });
  for (let round = 1; round <= count; round++) {
    const open = { attempt: 1, baseVersion: round - 1, batchId: null, clients: 2, openedAtMs: 1 };
    await openTrainingRound(database, { runId, round, ...open });
    const figures = { partial: 0, handovers: 0, examples: 4, steps: 2, bytesDown: 1, bytesUp: 1, energyWh: 1, gCo2: 1 };
    const losses = { trainLoss: 1, testLoss: 1, testAccuracy: 0.5, epsilon: null, weightsSha256: null };
    await closeTrainingRound(database, {
      runId,
      round,
      version: round,
      updates: 2,
      closedAtMs: 2,
      ...figures,
      ...losses,
    });
    await writeCheckpoint(api.ports.objects, runId, round, {
      weights: weights.map((each) => each + round),
      moments: [],
    });
  }
}

test('a run is started, listed, paused, resumed and cancelled', async () => {
  const id = await started();
  const { body } = await call('GET', `/v1/training_runs/${id}`);
  expect(body).toMatchObject({ id, state: 'waiting', model: 'tiny', model_version: '1', rounds: [] });
  expect(body.plan).toMatchObject({ strategy: { kind: 'fedavg' }, fraction_fit: 1, overlap: 1 });
  expect((await call('GET', '/v1/training_runs')).body.data).toMatchObject([{ id }]);
  for (const action of ['pause', 'resume', 'cancel']) {
    expect((await call('POST', `/v1/training_runs/${id}/${action}`, {})).status).toBe(200);
  }
  expect(api.toldTrainings.filter((told) => told.includes(id))).toEqual([
    `start ${id} 1`,
    `pause ${id}`,
    `resume ${id}`,
    `cancel ${id}`,
  ]);
});

test.each([
  ['a model that is none', { model: 'nobody' }, 'model', '"nobody" does not exist'],
  ['a model of another kind', { model: 'other' }, 'model', 'nightshift train compile'],
  ['a file that is none', { train_file_id: 'file-no' }, 'train_file_id', 'There is no file "file-no".'],
  ['a plan out of its limits', { plan: { ...PLAN, rounds: 0 } }, 'plan.rounds', ''],
  ['a plan of unknown words', { plan: { ...PLAN, epochs: 3 } }, 'plan.epochs', ''],
  ['a strategy that is none', { plan: { ...PLAN, strategy: { kind: 'magic' } } }, 'plan.strategy.kind', ''],
  ['a quorum', { plan: { ...PLAN, hints: { 'grid.quorum': '2' } } }, undefined, 'one car’s work'],
  ['a hint that is none', { plan: { ...PLAN, hints: { 'grid.max_price': 'cheap' } } }, undefined, 'grid.max_price'],
])('%s is refused with its field', async (_, wrong, field, message) => {
  const asked = { name: 'a run', model: 'tiny', train_file_id: fileId, plan: PLAN, ...wrong };
  const { status, body } = await call('POST', '/v1/training_runs', asked);
  expect(status).toBe(400);
  if (field !== undefined) expect(body.error.param).toBe(field);
  expect(body.error.message).toContain(message);
});

test('an ended run goes on from any of its weights, and not from others', async () => {
  const id = await started();
  await roundsDone(id, 2);
  const resume = (body: object) => call('POST', `/v1/training_runs/${id}/resume`, body);
  expect((await resume({ from_version: 1 })).body.error.message).toContain('cancel it before');
  await setTrainingState(database, id, 'completed', 'done');
  expect((await resume({})).body.error.message).toContain('All 2 rounds are done');
  expect((await resume({ from_version: 3 })).body.error.message).toContain('versions 0 to 2');
  const { body } = await resume({ from_version: 1 });
  expect(body).toMatchObject({ state: 'waiting', rounds: [{ round: 1 }] });
  expect(api.toldTrainings.at(-1)).toBe(`start ${id} 2`);
});

test('the forward graph is exported with the weights of any version', async () => {
  const id = await started();
  await roundsDone(id, 2);
  const answer = await api.fetch(`/v1/training_runs/${id}/model?version=1`);
  const session = await InferenceSession.create(new Uint8Array(await answer.arrayBuffer()));
  expect(session.inputNames).toEqual(['input_ids']);
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a_run.onnx"');
  const none = await api.fetch(`/v1/training_runs/${id}/model?version=9`);
  expect(none.status).toBe(404);
});

test('nobody else sees a run, and nobody submits what rounds are made of', async () => {
  const id = await started();
  const key = (await call('POST', '/ops/v1/keys', { tenant: 'others', name: 'test' })).body.key as string;
  const answer = await api.fetch(`/v1/training_runs/${id}`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(404);
  const batch = { input_file_id: fileId, endpoint: '/v1/training', completion_window: '24h' };
  expect((await call('POST', '/v1/batches', batch)).status).toBe(400);
});
