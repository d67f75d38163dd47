import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { readCheckpoint } from '../../../activities/training/checkpoints.ts';
import { createTrainingActivities } from '../../../activities/training/trainingActivities.ts';
import type { TrainingPorts } from '../../../activities/training/trainingPorts.ts';
import { answerLine } from '../../../domain/answerLine.ts';
import { objectKeys } from '../../../domain/names.ts';
import { trainingPlanSchema, trainingTaskSchema, type TrainingTask } from '../../../domain/training.ts';
import { classifierNetwork } from '../../../demo/training/networks.ts';
import { compileTraining } from '../../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../../inference/training/trainingManifest.ts';
import { recordAcceptedShard } from '../../../store/acceptedShards.ts';
import { readBatch } from '../../../store/batches.ts';
import { insertFile, readFile } from '../../../store/files.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { openParkingSession } from '../../../store/parkingSessions.ts';
import { insertTrainingRun, listTrainingRounds, takeBackRounds } from '../../../store/trainingRuns.ts';
import { initialWeights } from '../../../training/compile.ts';
import { base64FromFloats } from '../../../training/floats.ts';
import { stateText } from '../../../training/unfinished.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = 1_000_000_000;
const [CAR, CLIENTS, STEPS, LENGTH] = ['car-1', 3, 10, 4];

let folder: string;
let objects: ObjectStore;
let weights: Float32Array;
let runId: string;
/** What a trusted computer says that a client's steps come to. */
let trustedUpdate: Float32Array | undefined;

const activities = () => {
  const ports: TrainingPorts = {
    database,
    objects,
    gridNowMs: () => NOW_MS,
    now: Date.now,
    trainer: {
      evaluate: async (_, at) => ({
        object: 'training.evaluation',
        examples: 4,
        loss: at[0] ?? 0,
        correct: 3,
        counted: 4,
      }),
      train: async () => trustedUpdate,
    },
  };
  return createTrainingActivities(ports);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-rounds-'));
  objects = createFileStore(folder);
  const network = classifierNetwork({ words: 9, dimensions: 3, hidden: 3, classes: 3, length: LENGTH });
  const { file, description } = await compileTraining(network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: 2 },
  });
  weights = initialWeights(file, description);
  const sha256 = createHash('sha256').update(file).digest('hex');
  await objects.put(objectKeys.model(sha256), file);
  const pipeline = trainingPipelineOf(description);
  const [name, version, family] = ['tiny', '1', 'general'];
  const manifest = { name, version, family, sha256, sizeBytes: file.length, requestUrl: '/v1/training', pipeline };
  await addModel(database, { name, version, family, sha256, manifest, tenantId: null });
  await enrolFleet(database, [CAR]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function started(plan: object = {}, text = examples(12)): Promise<void> {
  const fileId = `file-${randomUUID().slice(0, 8)}`;
  const objectKey = objectKeys.file(fileId);
  await objects.put(objectKey, text);
  await insertFile(database, { id: fileId, filename: 'x', purpose: 'batch', bytes: 1, objectKey, lifeSeconds: null });
  runId = `train-${randomUUID().slice(0, 8)}`;
  await insertTrainingRun(database, {
    id: runId,
    tenantId: 'default',
    cellId: CELL.id,
    name: 'test',
    modelName: 'tiny',
    modelVersion: '1',
    plan: trainingPlanSchema.parse({
      optimizer: { kind: 'sgd', learning_rate: 0.1 },
      rounds: 2,
      local_steps: STEPS,
      clients: CLIENTS,
      ...plan,
    }),
    trainFileId: fileId,
    testFileId: null,
  });
}

function examples(count: number): string {
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({ input_ids: [1, 2, 3, index % 9], labels: index % 3 }),
  ).join('\n');
}

async function opened(round: number): Promise<{ batchId: string; tasks: TrainingTask[] }> {
  const next = await activities().openRound({ runId, round });
  if (next.kind !== 'opened') throw new Error(JSON.stringify(next));
  expect(await activities().openRound({ runId, round })).toEqual(next);
  const batch = await readBatch(database, next.opened.batchId);
  const file = await readFile(database, batch?.inputFileId ?? '');
  const lines = (await objects.get(file?.objectKey ?? '')).toString('utf8').trimEnd().split('\n');
  for (const [shard, line] of lines.entries()) {
    await objects.put(objectKeys.shardInput(next.opened.batchId, shard), `${line}\n`);
  }
  const tasks = lines.map((line) => trainingTaskSchema.parse((JSON.parse(line) as { body: unknown }).body));
  return { batchId: next.opened.batchId, tasks };
}

/** As an accepted shard of a car: all weights moved by the same. */
async function answered(batchId: string, shard: number, task: TrainingTask, by: number): Promise<void> {
  const body = {
    object: 'training.update',
    client: task.client,
    steps: task.steps,
    examples: task.data.examples,
    loss: 1,
    update: base64FromFloats(new Float32Array(weights.length).fill(by)),
  };
  const bytes = Buffer.from(`${answerLine(batchId, shard, 0, `client-${task.client}`, { statusCode: 200, body })}\n`);
  const range = { start: 0, end: 1 };
  await objects.put(objectKeys.part(batchId, shard, range, CAR), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await recordAcceptedShard(database, {
    jobId: batchId,
    shard,
    completed: 1,
    failed: 0,
    inputTokens: 0,
    outputTokens: 0,
    handovers: 0,
    redoneLines: 0,
    parts: [{ ...range, sha256, vehicleId: CAR }],
  });
}

async function left(batchId: string, shard: number, step: number, by: number): Promise<void> {
  const state = { step, lossSum: step, moments: [], weights: weights.map((each) => each + by) };
  await objects.put(objectKeys.unfinished(batchId, shard, step, CAR), stateText(0, state));
}

const movedBy = async (version: number): Promise<number> => {
  const { weights: after } = await readCheckpoint(objects, runId, version, { kind: 'fedavg' });
  return (after[0] ?? 0) - (weights[0] ?? 0);
};

beforeEach(async () => {
  trustedUpdate = undefined;
  const times = { pluggedInAtMs: 1, readyByMs: 2 * NOW_MS, targetSocPercent: 80, arrivalSocPercent: 60 };
  await openParkingSession(database, { vehicleId: CAR, ...times });
});

test('updates are weighed by examples, and all that was sent is in the figures', async () => {
  await started({ partition: { kind: 'dirichlet', alpha: 1 } });
  expect(await activities().prepareRun({ runId })).toBeUndefined();
  const { batchId, tasks } = await opened(1);
  for (const [shard, task] of tasks.entries()) await answered(batchId, shard, task, shard + 1);
  const outcome = await activities().closeRound({ runId, round: 1 });
  expect(outcome).toMatchObject({ updates: CLIENTS, clients: CLIENTS, trainLoss: 1, testAccuracy: 0.75 });
  expect(await activities().closeRound({ runId, round: 1 })).toEqual(outcome);
  const all = tasks.reduce((sum, { data }) => sum + data.examples, 0);
  const expected = tasks.reduce((sum, { data }, shard) => sum + ((shard + 1) * data.examples) / all, 0);
  expect(await movedBy(1)).toBeCloseTo(expected, 4);
  const [round] = await listTrainingRounds(database, runId);
  expect(round).toMatchObject({ version: 1, partial: 0, steps: CLIENTS * STEPS, examples: all });
  expect(round?.bytesDown).toBeGreaterThan(CLIENTS * 4 * weights.length);
  // The next one begins there, and a round taken back is taken again from what was before.
  expect((await opened(2)).tasks[0]?.weights_sha256).toBe(round?.weightsSha256);
  await takeBackRounds(database, runId, 0);
  expect((await opened(1)).tasks[0]?.weights_sha256).toBe(tasks[0]?.weights_sha256);
});

test('what a car kept counts by its share of the steps, once a trusted computer has come to the same', async () => {
  await started();
  await activities().prepareRun({ runId });
  const { batchId, tasks } = await opened(1);
  const [first] = tasks;
  if (!first) throw new Error('no client');
  await answered(batchId, 0, first, 1);
  await left(batchId, 1, STEPS / 2, 4);
  trustedUpdate = new Float32Array(weights.length).fill(4);
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 2, clients: CLIENTS });
  const [whole, half] = [first.data.examples, (tasks[1]?.data.examples ?? 0) / 2];
  expect(await movedBy(1)).toBeCloseTo((whole + 4 * half) / (whole + half), 4);
  expect(await listTrainingRounds(database, runId)).toMatchObject([{ partial: 1, steps: STEPS + STEPS / 2 }]);
});

test('steps that a trusted computer does not come to count for nothing, and too few updates change nothing', async () => {
  await started({ min_updates: 2 });
  await activities().prepareRun({ runId });
  const { batchId, tasks } = await opened(1);
  if (tasks[0]) await answered(batchId, 0, tasks[0], 1);
  await left(batchId, 1, 5, 1e6);
  trustedUpdate = new Float32Array(weights.length).fill(4);
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 1 });
  expect(await movedBy(1)).toBe(0);
});

test('an outlier does not move the median', async () => {
  await started({ aggregation: { kind: 'median' } });
  await activities().prepareRun({ runId });
  const { batchId, tasks } = await opened(1);
  for (const [shard, by] of [1, 2, 1e6].entries()) {
    const task = tasks[shard];
    if (task) await answered(batchId, shard, task, by);
  }
  await activities().closeRound({ runId, round: 1 });
  expect(await movedBy(1)).toBeCloseTo(2, 4);
});

test('with privacy, updates are clipped, noise is added, and epsilon is told', async () => {
  await started({ privacy: { clip_norm: 1, noise_multiplier: 0.001 } });
  await activities().prepareRun({ runId });
  const { batchId, tasks } = await opened(1);
  expect(tasks[0]?.clip_norm).toBe(1);
  for (const [shard, task] of tasks.entries()) await answered(batchId, shard, task, 1e6);
  await activities().closeRound({ runId, round: 1 });
  expect(await movedBy(1)).toBeCloseTo(1 / Math.sqrt(weights.length), 2);
  const [round] = await listTrainingRounds(database, runId);
  expect(round?.epsilon).toBeGreaterThan(0);
});

test('a round waits for cars, and examples that cannot be read end the run with their line', async () => {
  await started({ min_available_clients: 5 });
  await activities().prepareRun({ runId });
  expect(await activities().openRound({ runId, round: 1 })).toMatchObject({
    kind: 'waiting',
    why: expect.stringContaining('min_available_clients is 5'),
  });
  await started({}, `${examples(3)}\n{"input_ids":[1],"labels":0}`);
  expect(await activities().prepareRun({ runId })).toBe('Line 4: input_ids has 1 numbers, not 4.');
  await started({}, '{"x":1}');
  expect(await activities().prepareRun({ runId })).toBe('Line 1 has "x"; the model takes input_ids, labels.');
});
