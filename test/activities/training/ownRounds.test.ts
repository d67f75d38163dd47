import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { readCheckpoint } from '../../../activities/training/checkpoints.ts';
import { createTrainingActivities } from '../../../activities/training/trainingActivities.ts';
import type { TrainingPorts } from '../../../activities/training/trainingPorts.ts';
import { OwnData } from '../../../car/shard/ownData.ts';
import { answerOwnTask } from '../../../car/shard/ownTraining.ts';
import { answerLine, type Answer } from '../../../domain/answerLine.ts';
import type { TrainingPipeline } from '../../../domain/models.ts';
import { objectKeys } from '../../../domain/names.ts';
import { trainingPlanSchema, trainingTaskSchema } from '../../../domain/training.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { classifierNetwork } from '../../../demo/training/networks.ts';
import { compileTraining } from '../../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../../inference/training/trainingManifest.ts';
import { recordAcceptedShard } from '../../../store/acceptedShards.ts';
import { readBatchSplit } from '../../../store/batches.ts';
import { insertFile } from '../../../store/files.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { listOwnBatches } from '../../../store/ownTraining.ts';
import { openParkingSession } from '../../../store/parkingSessions.ts';
import { listRolloutFamilies } from '../../../store/rollouts.ts';
import { insertTrainingRun, listTrainingRounds, takeBackRounds } from '../../../store/trainingRuns.ts';
import { readVehicle, setOwnerPolicy } from '../../../store/vehicles.ts';
import { initialWeights } from '../../../training/compile.ts';
import { base64FromFloats } from '../../../training/floats.ts';
import { clip } from '../../../training/localSteps.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = 1_000_000_000;
const [STEPS, LENGTH, CLIP] = [10, 4, 50];
const CARS = ['car-1', 'car-2', 'car-3', 'car-4', 'car-5'];
const CONSENTING = CARS.slice(0, 4);

let folder: string;
let objects: ObjectStore;
let weights: Float32Array;
let pipeline: TrainingPipeline;
let runId: string;

const activities = () => {
  const ports: TrainingPorts = {
    database,
    objects,
    gridNowMs: () => NOW_MS,
    now: Date.now,
    trainer: {
      evaluate: async () => ({ object: 'training.evaluation', examples: 4, loss: 1, correct: 3, counted: 4 }),
      train: async () => undefined,
    },
  };
  return createTrainingActivities(ports);
};

/** What a car's steps come to: all weights moved by its examples' label. */
const steps = async (_: unknown, [body]: readonly object[]): Promise<Answer[]> => {
  const task = trainingTaskSchema.parse(body);
  const label = new Int32Array(new Uint8Array(Buffer.from(task.data.inputs['labels'] ?? '', 'base64')).buffer)[0] ?? 0;
  const update = new Float32Array(weights.length).fill(label);
  if (task.clip_norm !== undefined) clip(update, task.clip_norm);
  const { client, steps: taken } = task;
  const { examples } = task.data;
  const answer = { object: 'training.update', client, steps: taken, examples, loss: 1 };
  return [{ statusCode: 200, body: { ...answer, update: base64FromFloats(update) } }];
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-own-'));
  objects = createFileStore(join(folder, 'objects'));
  const network = classifierNetwork({ words: 9, dimensions: 3, hidden: 3, classes: 5, length: LENGTH });
  const lengths = { batch: 2 };
  const { file, description } = await compileTraining(network, { loss: 'softmax-cross-entropy', lengths });
  weights = initialWeights(file, description);
  const sha256 = createHash('sha256').update(file).digest('hex');
  await objects.put(objectKeys.model(sha256), file);
  pipeline = trainingPipelineOf(description);
  const [name, version, family] = ['tiny', '1', 'general'];
  const manifest = { name, version, family, sha256, sizeBytes: file.length, requestUrl: '/v1/training', pipeline };
  await addModel(database, { name, version, family, sha256, manifest, tenantId: null });
  await enrolFleet(database, CARS);
  for (const [index, vehicleId] of CARS.entries()) {
    await mkdir(dataOf(vehicleId), { recursive: true });
    await writeFile(join(dataOf(vehicleId), 'trips.jsonl'), examples(6, index + 1));
    const vehicle = await readVehicle(database, vehicleId);
    if (!vehicle || !CONSENTING.includes(vehicleId)) continue;
    const ownData = { datasets: ['trips'], termsVersion: '1', givenAtMs: 1 };
    await setOwnerPolicy(database, vehicleId, { ...vehicle.policy, ownData });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const times = { pluggedInAtMs: 1, readyByMs: 2 * NOW_MS, targetSocPercent: 80, arrivalSocPercent: 60 };
  for (const vehicleId of CARS) await openParkingSession(database, { vehicleId, ...times });
});

const dataOf = (vehicleId: string): string => join(folder, 'cars', vehicleId, 'data');
const keptOf = (vehicleId: string): string => join(folder, 'cars', vehicleId, 'kept');

function examples(count: number, label: number): string {
  return Array.from({ length: count }, () => JSON.stringify({ input_ids: [1, 2, 3, 4], labels: label })).join('\n');
}

async function started(plan: object): Promise<void> {
  const fileId = `file-${randomUUID().slice(0, 8)}`;
  const objectKey = objectKeys.file(fileId);
  await objects.put(objectKey, examples(4, 0));
  await insertFile(database, { id: fileId, filename: 'x', purpose: 'batch', bytes: 1, objectKey, lifeSeconds: null });
  runId = `train-${randomUUID().slice(0, 8)}`;
  const of = { id: runId, tenantId: 'default', cellId: CELL.id, name: 'own', modelName: 'tiny', modelVersion: '1' };
  const fixed = { optimizer: { kind: 'sgd', learning_rate: 0.1 }, rounds: 2, local_steps: STEPS, clients: 10 };
  const own = { kind: 'own', dataset: 'trips', secure_aggregation: true };
  await insertTrainingRun(database, {
    ...of,
    plan: trainingPlanSchema.parse({ ...fixed, min_available_clients: 3, clip_norm: CLIP, data: own, ...plan }),
    trainFileId: null,
    testFileId: fileId,
  });
  expect(await activities().prepareRun({ runId })).toBeUndefined();
}

async function opened(round = 1): Promise<readonly string[]> {
  const next = await activities().openRound({ runId, round });
  if (next.kind !== 'opened') throw new Error(JSON.stringify(next));
  expect(await activities().openRound({ runId, round })).toEqual(next);
  return next.opened.batchIds ?? [];
}

/** Each car answers as it would from the road, but for those that have gone. */
async function answer(batchIds: readonly string[], gone: readonly string[] = [], round = 1): Promise<Answer[]> {
  const attempt = (await listTrainingRounds(database, runId))[0]?.attempt ?? 1;
  const batches = await listOwnBatches(database, { runId, round, attempt });
  const answers: Answer[] = [];
  for (const { batchId, vehicleId } of batches.filter((batch) => batchIds.includes(batch.batchId))) {
    if (gone.includes(vehicleId)) continue;
    const line = (await objects.get(objectKeys.shardInput(batchId, 0))).toString('utf8');
    const { body } = JSON.parse(line) as { body: Record<string, unknown> };
    const given = await answerOwnTask({
      runner: { run: steps },
      model: { name: 'tiny', version: '1', sha256: '', modelPath: '', assetPaths: {}, pipeline },
      jobId: batchId,
      vehicleId,
      data: new OwnData(dataOf(vehicleId), keptOf(vehicleId)),
      body,
      readWeights: () => objects.get(objectKeys.jobWeights(batchId)),
      onState: () => {},
    });
    answers.push(given);
    await accepted(batchId, vehicleId, given);
  }
  return answers;
}

async function accepted(batchId: string, vehicleId: string, given: Answer): Promise<void> {
  const bytes = Buffer.from(`${answerLine(batchId, 0, 0, 'own', given)}\n`);
  const range = { start: 0, end: 1 };
  await objects.put(objectKeys.part(batchId, 0, range, vehicleId), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const counts = { completed: 1, failed: 0, inputTokens: 0, outputTokens: 0, handovers: 0, redoneLines: 0 };
  await recordAcceptedShard(database, {
    jobId: batchId,
    shard: 0,
    ...counts,
    parts: [{ ...range, sha256, vehicleId }],
  });
}

const movedBy = async (version: number): Promise<number> => {
  const { weights: after } = await readCheckpoint(objects, runId, version, { kind: 'fedavg' });
  return (after[0] ?? 0) - (weights[0] ?? 0);
};

/** All phases of a round; `gone` says who has left by the phase. */
async function wholeRound(gone: Readonly<Record<number, readonly string[]>> = {}): Promise<void> {
  let batchIds = await opened();
  for (let phase = 1; batchIds.length > 0; phase++) {
    await answer(batchIds, gone[phase - 1]);
    const next = await activities().advanceRound({ runId, round: 1, phase });
    expect(await activities().advanceRound({ runId, round: 1, phase })).toEqual(next);
    batchIds = next;
  }
}

test('the sum of masked updates is the mean of the cars whose owners agreed, and no update is in the store', async () => {
  await started({});
  await wholeRound();
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ clients: 4, updates: 4, trainLoss: null });
  expect(await movedBy(1)).toBeCloseTo((1 + 2 + 3 + 4) / 4, 4);
  const asked = await listOwnBatches(database, { runId, round: 1, attempt: 1 });
  expect(new Set(asked.map(({ vehicleId }) => vehicleId))).toEqual(new Set(CONSENTING));
  expect(asked.map(({ kind }) => kind)).toEqual(
    ['keys', 'shares', 'masked', 'reveal'].flatMap((kind) => CONSENTING.map(() => kind)),
  );
  // Each car's plain update is all of one number.
  const plain = CONSENTING.map((_, index) => base64FromFloats(new Float32Array(8).fill(index + 1)).slice(0, 40));
  for (const { batchId, vehicleId } of asked) {
    const part = await objects.get(objectKeys.part(batchId, 0, { start: 0, end: 1 }, vehicleId));
    for (const text of plain) expect(part.includes(text)).toBe(false);
  }
  // What they kept of the round is gone, and so are their queues.
  for (const vehicleId of CONSENTING) expect(await readdir(keptOf(vehicleId))).toEqual([]);
  expect((await listRolloutFamilies(database, CELL.id)).size).toBe(0);
});

test('each car takes its part from a queue of its own', async () => {
  await started({});
  const batchIds = await opened();
  const families = await listRolloutFamilies(database, CELL.id);
  expect([...families.keys()]).toEqual(CONSENTING);
  for (const batchId of batchIds) {
    const split = await readBatchSplit<SplitBatch>(database, batchId);
    const asked = await listOwnBatches(database, { runId, round: 1, attempt: 1 });
    const car = asked.find((batch) => batch.batchId === batchId)?.vehicleId ?? '';
    expect(families.get(car)).toEqual([{ family: split?.model.family, base: 'general' }]);
    expect(split).toMatchObject({ shards: 1, checked: false });
  }
  await takeBackRounds(database, runId, 0);
  expect((await listRolloutFamilies(database, CELL.id)).size).toBe(0);
});

test('a car that vanishes before its numbers came is left out of the sum, and another one may miss the last word', async () => {
  await started({});
  await wholeRound({ 2: ['car-2'] });
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ clients: 4, updates: 3 });
  expect(await movedBy(1)).toBeCloseTo((1 + 3 + 4) / 3, 4);
  await started({});
  await wholeRound({ 3: ['car-4'] });
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 4 });
  expect(await movedBy(1)).toBeCloseTo(10 / 4, 4);
});

test('with too few cars left, a round changes nothing and asks for nothing more', async () => {
  await started({});
  await wholeRound({ 1: ['car-1', 'car-2'] });
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 0 });
  expect(await movedBy(1)).toBe(0);
  const kinds = new Set((await listOwnBatches(database, { runId, round: 1, attempt: 1 })).map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(['keys', 'shares']));
});

test('a car sends its update once, says its last word once, and has no part in the round of another', async () => {
  await started({});
  const keys = await opened();
  await answer(keys);
  const shares = await activities().advanceRound({ runId, round: 1, phase: 1 });
  await answer(shares);
  const masked = await activities().advanceRound({ runId, round: 1, phase: 2 });
  expect((await answer(masked)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  expect((await answer(masked.slice(0, 1)))[0]).toMatchObject({ statusCode: 400 });
});

test('without secure aggregation, updates are weighed by examples', async () => {
  await started({ data: { kind: 'own', dataset: 'trips' } });
  await writeFile(join(dataOf('car-1'), 'trips.jsonl'), examples(18, 1));
  await wholeRound({});
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 4, trainLoss: 1 });
  expect(await movedBy(1)).toBeCloseTo((18 * 1 + 6 * (2 + 3 + 4)) / 36, 4);
  await writeFile(join(dataOf('car-1'), 'trips.jsonl'), examples(6, 1));
});

test('cars add the noise, epsilon is told, and a budget that one more round would go over ends the run', async () => {
  const privacy = { clip_norm: CLIP, noise_multiplier: 4, max_epsilon: 1.3 };
  await started({ privacy });
  await wholeRound();
  await activities().closeRound({ runId, round: 1 });
  // The mean of 4, with noise of at least 4 clip norms: the same nowhere.
  expect(Math.abs((await movedBy(1)) - 2.5)).toBeGreaterThan(1e-3);
  const [round] = await listTrainingRounds(database, runId);
  expect(round?.epsilon).toBeGreaterThan(0.5);
  expect(round?.epsilon).toBeLessThan(1.3);
  const refused = { kind: 'failed', why: expect.stringContaining('privacy.max_epsilon is 1.3') };
  expect(await activities().openRound({ runId, round: 2 })).toMatchObject(refused);
  // What was told stays told.
  await takeBackRounds(database, runId, 0);
  expect(await activities().openRound({ runId, round: 1 })).toMatchObject(refused);
});

test('a car without the data set, or whose examples cannot be read, says so and nothing of them', async () => {
  await started({ data: { kind: 'own', dataset: 'trips' } });
  await rm(join(dataOf('car-1'), 'trips.jsonl'));
  await writeFile(join(dataOf('car-2'), 'trips.jsonl'), `${examples(2, 2)}\n{"input_ids": "SECRET"}`);
  const answers = await answer(await opened());
  const texts = answers.map(({ body }) => JSON.stringify(body));
  expect(texts[0]).toContain('has no data set \\"trips\\"');
  expect(texts[1]).toContain('Line 3');
  expect(texts[1]).not.toContain('SECRET');
  expect(await activities().closeRound({ runId, round: 1 })).toMatchObject({ updates: 2 });
  await writeFile(join(dataOf('car-1'), 'trips.jsonl'), examples(6, 1));
  await writeFile(join(dataOf('car-2'), 'trips.jsonl'), examples(6, 2));
});

test('what a car keeps of a round is for its own eyes', async () => {
  await started({});
  await answer(await opened());
  const [file = ''] = await readdir(keptOf('car-1'));
  expect((await readFile(join(keptOf('car-1'), file), 'utf8')).length).toBeGreaterThan(10);
  const { stat } = await import('node:fs/promises');
  expect((await stat(join(keptOf('car-1'), file))).mode & 0o077).toBe(0);
});

test('a round waits until enough owners agree', async () => {
  await started({ min_available_clients: 5 });
  expect(await activities().openRound({ runId, round: 1 })).toMatchObject({
    kind: 'waiting',
    why: expect.stringContaining('4 cars are at their plugs whose owners agree'),
  });
});
