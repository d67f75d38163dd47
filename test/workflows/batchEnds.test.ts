import { createHash } from 'node:crypto';

import { Context } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';

import { createJobActivities } from '../../activities/jobs/jobActivities.ts';
import { createApi } from '../../api/http/app.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { objectKeys, CONTROL_TASK_QUEUE, inferenceTaskQueue, workflowIds } from '../../domain/names.ts';
import type { RunShardInput, RunShardResult } from '../../domain/shards.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { addModel } from '../../store/models.ts';
import { jobStarterOver } from '../../worker/api/jobStarter.ts';
import { granted, jobStatus } from '../../workflows/messages.ts';
import { useApi, type Json } from '../api/apiHarness.ts';
import { CELL } from '../support/fleetFixture.ts';
import { startTemporal } from '../support/temporal.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const SLOT_MS = 900_000;
const MODEL = { name: 'm', version: '1', family: 'general', sha256: '0'.repeat(64) };
const { database } = useTestDatabase();
const api = useApi(database);

let env: TestWorkflowEnvironment;
let app: ReturnType<typeof createApi>;
let control: Worker;
let cars: Worker;
let running: Promise<unknown>;
/** What the object store does before it reads an input file or writes a result file. */
let beforeRead: () => Promise<void>;
let beforeWrite: () => Promise<void>;
beforeEach(() => {
  beforeRead = beforeWrite = async () => {};
});

/** The API, the job and its activities as they run in production; only the car is played. */
beforeAll(async () => {
  env = await startTemporal();
  const { objects } = api.ports;
  const watched = {
    ...objects,
    getStream: async (key: string) => (await beforeRead(), objects.getStream(key)),
    putStream: async (key: string, body: AsyncIterable<Uint8Array>) => (
      await beforeWrite(),
      objects.putStream(key, body)
    ),
  };
  await addModel(database, { ...MODEL, manifest: {}, tenantId: null });
  // A line a shard.
  const speed = { modelName: 'm', modelVersion: '1', hardwareClass: 'ai4', statedMsPerUnit: 600_000 };
  await seedClassSpeed(database, speed);
  const carAccess = { url: 'http://127.0.0.1', signer: api.ports.slices };
  const connection = env.nativeConnection;
  const namespace = env.namespace ?? 'default';
  control = await Worker.create({
    connection,
    namespace,
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle: { codePath: inject('workflowBundle') },
    activities: {
      ...createJobActivities({
        database,
        objects: watched,
        gridNowMs: Date.now,
        carAccess,
        checkKey: Buffer.alloc(32),
      }),
      checkShards: async () => [],
      correctBatch: async () => null,
      webhooksOf: async () => [],
    },
  });
  const taskQueue = inferenceTaskQueue('oslo', 'ai4', MODEL.family);
  cars = await Worker.create({ connection, namespace, taskQueue, activities: { runShard } });
  running = Promise.all([control.run(), cars.run()]);
  app = createApi({ ...api.ports, jobs: jobStarterOver(env.client, CELL) });
});
afterAll(async () => {
  control.shutdown();
  cars.shutdown();
  await running;
  await env.teardown();
});

/** Answers the first shard of a batch and never any other. */
async function runShard({ jobId, shard }: RunShardInput): Promise<RunShardResult> {
  if (shard > 0) {
    const beating = setInterval(() => Context.current().heartbeat(), 500);
    await Context.current().cancelled.finally(() => clearInterval(beating));
  }
  const { objects } = api.ports;
  const { custom_id }: Json = JSON.parse((await objects.get(objectKeys.shardInput(jobId, shard))).toString());
  const response = { status_code: 200, request_id: 'r', body: {} };
  const part = `${JSON.stringify({ id: `batch_req_${custom_id}`, custom_id, response, error: null })}\n`;
  const range = { start: 0, end: 1 };
  await objects.put(objectKeys.part(jobId, shard, range, 'car-1'), part);
  const partSha256 = createHash('sha256').update(part).digest('hex');
  const work = { vehicleId: 'car-1', energyWh: 1, deviceMs: 1 };
  await objects.put(objectKeys.receipt(jobId, shard, range, 'car-1'), JSON.stringify({ ...work, range, partSha256 }));
  return { ...work, storedLines: 1, computedLines: 1, handovers: 0, redoneLines: 0 };
}

async function call(path: string, body?: object): Promise<Json> {
  const headers = { authorization: `Bearer ${api.ports.apiKey}`, 'content-type': 'application/json' };
  const answer = await app.request(path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers });
  return answer.json();
}

const LINES = ['a', 'b', 'c'].map((custom_id) =>
  JSON.stringify({ custom_id, method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'x' } }),
);

const TWICE = LINES.slice(0, 1).flatMap((line) => [line, line]);

async function submitted(lines = LINES, metadata?: Record<string, string>): Promise<string> {
  const file = await api.client.files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'),
    purpose: 'batch',
  });
  const order = { input_file_id: file.id, endpoint: '/v1/embeddings', completion_window: '24h', metadata };
  return (await call('/v1/batches', order)).id;
}

const ENDED = ['completed', 'failed', 'expired', 'cancelled'];

async function endOf(id: string): Promise<Json> {
  await expect.poll(async () => (await call(`/v1/batches/${id}`)).status, { timeout: 20_000 }).toBeOneOf(ENDED);
  return call(`/v1/batches/${id}`);
}

const jobOf = (id: string) => env.client.workflow.getHandle(workflowIds.job(id));

async function grant(id: string, shards: number): Promise<void> {
  const slotStartMs = Date.now();
  const slot = { slotStartMs, slotEndMs: slotStartMs + SLOT_MS };
  const place = { planId: 'p', regionId: 'oslo', hardwareClass: 'ai4' };
  await jobOf(id).signal(granted, [{ ...place, ...slot, jobId: id, shards }]);
}

const shows = (id: string, status: object) =>
  expect.poll(() => jobOf(id).query(jobStatus), { timeout: 20_000 }).toMatchObject(status);

function event() {
  let happen: (() => void) | undefined;
  const happened = new Promise<void>((resolve) => (happen = resolve));
  return { happen: () => happen?.(), happened };
}

/** Holds the store until `release` is called, and tells when it is asked. */
function held() {
  const [asked, released] = [event(), event()];
  const wait = async (): Promise<void> => {
    asked.happen();
    await released.happened;
  };
  return { wait, isReached: asked.happened, release: released.happen };
}

describe('a batch that is cancelled', () => {
  test.each([
    ['with a good file', LINES],
    ['with a bad file', ['{']],
  ])('while it is validated, %s, ends as cancelled', async (_, lines) => {
    const reading = held();
    beforeRead = reading.wait;
    const id = await submitted(lines);
    await reading.isReached;
    expect(await call(`/v1/batches/${id}/cancel`, {})).toMatchObject({ status: 'cancelling' });
    reading.release();
    expect(await endOf(id)).toMatchObject({ status: 'cancelled' });
  });

  test('while it waits for a grant ends as cancelled', async () => {
    const id = await submitted();
    await shows(id, { state: 'waiting' });
    await call(`/v1/batches/${id}/cancel`, {});
    expect(await endOf(id)).toMatchObject({ status: 'cancelled', request_counts: { total: 3, completed: 0 } });
  });

  test('while it is paused ends as cancelled', async () => {
    const id = await submitted();
    await call(`/v1/batches/${id}/pause`, {});
    await shows(id, { state: 'paused' });
    await call(`/v1/batches/${id}/cancel`, {});
    expect(await endOf(id)).toMatchObject({ status: 'cancelled' });
  });

  test('while cars compute ends as cancelled, with what was answered', async () => {
    const id = await submitted();
    await shows(id, { state: 'waiting' });
    await grant(id, 2);
    await shows(id, { done: 1, inFlight: 1 });
    await call(`/v1/batches/${id}/cancel`, {});
    const batch = await endOf(id);
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 3, completed: 1 } });
    expect(await (await api.client.files.content(batch.output_file_id)).text()).toContain('"custom_id":"a"');
  });

  test('while its files are written ends as cancelled, with what was answered', async () => {
    const id = await submitted(LINES.slice(0, 1));
    const writing = held();
    beforeWrite = writing.wait;
    await shows(id, { state: 'waiting' });
    await grant(id, 1);
    await writing.isReached;
    expect(await call(`/v1/batches/${id}`)).toMatchObject({ status: 'finalizing' });
    expect(await call(`/v1/batches/${id}/cancel`, {})).toMatchObject({ status: 'cancelling' });
    writing.release();
    expect(await endOf(id)).toMatchObject({ status: 'cancelled', request_counts: { completed: 1 } });
  });

  test('twice, or after it ended, stays as it ended', async () => {
    const id = await submitted(['{']);
    expect(await endOf(id)).toMatchObject({ status: 'failed' });
    await jobOf(id).result();
    expect(await call(`/v1/batches/${id}/cancel`, {})).toMatchObject({ status: 'failed' });
  });
});

describe('a batch ends by itself', () => {
  test('as completed, when all is answered', async () => {
    const id = await submitted(LINES.slice(0, 1));
    await shows(id, { state: 'waiting' });
    await grant(id, 1);
    expect(await endOf(id)).toMatchObject({ status: 'completed', request_counts: { completed: 1 } });
  });

  test('as expired at its deadline, with what was answered', async () => {
    const id = await submitted(LINES, { 'grid.deadline': new Date(Date.now() + 6_000).toISOString() });
    await shows(id, { state: 'waiting' });
    await grant(id, 2);
    expect(await endOf(id)).toMatchObject({ status: 'expired', request_counts: { completed: 1 } });
  });

  test.each([
    ['a model that PostgreSQL cannot store', [LINES[0]?.replace('"m"', String.raw`"m\u0000"`) ?? '']],
    ['an id with U+0000 twice', TWICE.map((line) => line.replace('"a"', String.raw`"\u0000"`))],
    ['an id with half of a surrogate pair twice', TWICE.map((line) => line.replace('"a"', String.raw`"\ud800"`))],
  ])('as failed, with %s', async (_, lines) => {
    expect(await endOf(await submitted(lines))).toMatchObject({ status: 'failed' });
  });

  test('as failed, when its input goes while it is read', async () => {
    const reading = held();
    beforeRead = reading.wait;
    const id = await submitted();
    await reading.isReached;
    const { input_file_id } = await call(`/v1/batches/${id}`);
    await api.ports.objects.delete(objectKeys.file(input_file_id));
    reading.release();
    expect(await endOf(id)).toMatchObject({ status: 'failed', errors: { data: [{ code: 'missing_input_file' }] } });
  });

  test('after a store that failed for a while', async () => {
    let left = 2;
    beforeRead = async () => {
      if (left-- > 0) throw new NightshiftError('unavailable', 'The store is away.');
    };
    const id = await submitted();
    await shows(id, { state: 'waiting' });
    await call(`/v1/batches/${id}/cancel`, {});
    expect(await endOf(id)).toMatchObject({ status: 'cancelled' });
  });
});
