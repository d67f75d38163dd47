import { HOUR_MS } from '../../domain/durations.ts';
import { toFile } from 'openai';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { restartLostJobs, startUnstartedJobs } from '../../api/http/startJobs.ts';
import { listUnstartedBatches, moveBatch, readJobStart, updateBatchCounts } from '../../store/batches.ts';
import { insertFile } from '../../store/files.ts';
import { readJournal } from '../../store/journal.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let inputFileId = '';

beforeAll(async () => {
  const file = await toFile(Buffer.from('{}\n'), 'input.jsonl');
  inputFileId = (await api.client.files.create({ file, purpose: 'batch' })).id;
});

beforeEach(() => {
  api.jobs.available = true;
});

/** As the SDK would send it, but for windows and endpoints that its types do not allow. */
async function post(body: object, headers: Record<string, string> = {}): Promise<{ status: number; body: Json }> {
  const response = await api.fetch('/v1/batches', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ input_file_id: inputFileId, endpoint: '/v1/embeddings', completion_window: '24h', ...body }),
  });
  return { status: response.status, body: await response.json() };
}

const create = (metadata: Record<string, string> = {}) =>
  api.client.batches.create({
    input_file_id: inputFileId,
    endpoint: '/v1/embeddings',
    completion_window: '24h',
    metadata,
  });

test('the stock SDK submits, reads, lists and cancels', async () => {
  const batch = await create({ project: 'glosses' });
  expect(batch).toMatchObject({
    object: 'batch',
    endpoint: '/v1/embeddings',
    input_file_id: inputFileId,
    completion_window: '24h',
    status: 'validating',
    errors: null,
    output_file_id: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    metadata: { project: 'glosses' },
    x_grid: { state: 'validating', shards: null },
  });
  expect(batch.expires_at).toBe(batch.created_at + 86_400);
  expect(api.jobs.started).toContain(batch.id);
  expect(await api.client.batches.retrieve(batch.id)).toEqual(batch);

  const cancelled = await api.client.batches.cancel(batch.id);
  expect(cancelled.status).toBe('cancelling');
  expect(cancelled.cancelling_at).toBeGreaterThanOrEqual(batch.created_at);
  expect(api.jobs.cancelled).toEqual([batch.id]);
  await api.client.batches.cancel(batch.id);
  expect(api.jobs.cancelled).toEqual([batch.id]);

  const others = [await create(), await create()].map(({ id }) => id);
  const listed: string[] = [];
  for await (const each of api.client.batches.list({ limit: 2 })) listed.push(each.id);
  expect(listed).toEqual([...others.toReversed(), batch.id]);
  await expect(api.client.batches.retrieve('batch_none')).rejects.toMatchObject({ status: 404, param: 'id' });
  await expect(api.client.batches.cancel('batch_none')).rejects.toMatchObject({ status: 404 });
});

test('shows what the job reports: states, counts, files and shards', async () => {
  const { id } = await create();
  await moveBatch(database, id, ['validating'], 'in_progress');
  await updateBatchCounts(database, id, { total: 10, completed: 4, failed: 1, expired: 0 });
  const progress = {
    jobId: id,
    cellId: CELL.id,
    shards: 5,
    pending: 2,
    inFlight: 1,
    done: 2,
    linesPerShard: 2,
    unitsPerLine: 1,
  };
  const model = { name: 'lsa', version: '1', family: 'lsa', sha256: 'a' };
  await upsertJobProgress(database, { ...progress, model, paused: false, finished: false });
  expect(await api.client.batches.retrieve(id)).toMatchObject({
    status: 'in_progress',
    in_progress_at: expect.any(Number),
    model: 'lsa',
    request_counts: { total: 10, completed: 4, failed: 1 },
    x_grid: { state: 'running', shards: { total: 5, pending: 2, in_flight: 1, done: 2 } },
  });
  await upsertJobProgress(database, { ...progress, model, paused: true, finished: false });
  expect(await api.client.batches.retrieve(id)).toMatchObject({ x_grid: { state: 'paused' } });
  await insertFile(database, {
    id: 'file-out',
    filename: 'out.jsonl',
    purpose: 'batch_output',
    bytes: 2,
    objectKey: 'files/file-out',
    lifeSeconds: null,
  });
  await moveBatch(database, id, ['in_progress'], 'completed', { outputFileId: 'file-out' });
  expect(await api.client.batches.retrieve(id)).toMatchObject({
    status: 'completed',
    output_file_id: 'file-out',
    completed_at: expect.any(Number),
    x_grid: { state: 'ended' },
  });
});

test('reports why an input was refused', async () => {
  const { id } = await create();
  const errors = [{ code: 'invalid_json_line' as const, line: 3, message: 'The line is not JSON.', param: null }];
  await moveBatch(database, id, ['validating'], 'failed', { errors });
  expect(await api.client.batches.retrieve(id)).toMatchObject({
    status: 'failed',
    errors: { object: 'list', data: errors },
  });
});

test('a deadline only shortens the window, which may be any number of hours or days', async () => {
  const nowMs = Date.now();
  const due = async (completion_window: string, deadlineMs?: number): Promise<number> => {
    const metadata = deadlineMs ? { 'grid.deadline': new Date(deadlineMs).toISOString() } : undefined;
    const { body } = await post({ completion_window, metadata });
    return Date.parse(body.x_grid.deadline) - nowMs;
  };
  expect(await due('2d')).toBeCloseTo(48 * HOUR_MS, -5);
  expect(await due('12h', nowMs + 6 * HOUR_MS)).toBe(6 * HOUR_MS);
  expect(await due('12h', nowMs + 60 * HOUR_MS)).toBeCloseTo(12 * HOUR_MS, -5);
});

describe('refuses', () => {
  const tooMany = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']));
  test.each([
    ['an unknown file', { input_file_id: 'file-none' }, 'input_file_id', /There is no file "file-none"/],
    ['an unknown region', { metadata: { 'grid.region': 'atlantis' } }, 'metadata.grid.region', /names "atlantis"/],
    ['an unknown endpoint', { endpoint: '/v1/images/generations' }, 'endpoint', /must be one of \/v1\/embeddings/],
    ['a window without unit', { completion_window: '24' }, 'completion_window', /hours or days/],
    ['a window of nothing', { completion_window: '0h' }, 'completion_window', /from 1h to 30d/],
    ['a window too long', { completion_window: '31d' }, 'completion_window', /from 1h to 30d/],
    ['a bad hint', { metadata: { 'grid.priority': '9' } }, 'metadata.grid.priority', /1 \(first\) to 5/],
    [
      'a past deadline',
      { metadata: { 'grid.deadline': '2020-01-01T00:00:00Z' } },
      'metadata.grid.deadline',
      /must be after now/,
    ],
    ['too many pairs', { metadata: tooMany }, 'metadata', /more than 16 pairs/],
    ['a long value', { metadata: { k: 'x'.repeat(513) } }, 'metadata.k', /more than 512/],
    ['a number as value', { metadata: { k: 1 } }, 'metadata.k', /must be a text/],
    ['a missing field', { endpoint: undefined }, 'endpoint', /endpoint/],
  ])('%s', async (_what, changes, param, message) => {
    const { status, body } = await post(changes);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: { type: 'invalid_request_error', code: 'invalid_request', param, message: expect.stringMatching(message) },
    });
  });

  test.each([
    ['broken JSON', '{', 400],
    ['a list', '[]', 400],
    ['no body', '', 400],
    ['a huge body', `{"x":"${'x'.repeat(2 * 1024 * 1024)}"}`, 413],
  ])('%s', async (_what, body, status) => {
    const headers = { 'content-type': 'application/json' };
    const response = await api.fetch('/v1/batches', { method: 'POST', headers, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', message: expect.any(String) },
    });
  });

  test('to delete a file that an open batch reads', async () => {
    await expect(api.client.files.delete(inputFileId)).rejects.toMatchObject({ status: 409, code: 'conflict' });
  });
});

describe('a repeated request gets the first batch', () => {
  test('by Idempotency-Key, also when both come at once', async () => {
    const headers = { 'idempotency-key': 'once' };
    const both = await Promise.all([post({}, headers), post({}, headers)]);
    const ids = new Set([...both, await post({}, headers)].map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    const other = await post({ completion_window: '2d' }, headers);
    expect(other).toMatchObject({ status: 400, body: { error: { param: 'Idempotency-Key' } } });
  });

  test('by metadata', async () => {
    const first = await create({ 'grid.idempotency_key': 'mine' });
    expect((await create({ 'grid.idempotency_key': 'mine' })).id).toBe(first.id);
  });

  test('by the retry count that the SDK sends, and only then', async () => {
    const metadata = { run: 'retry' };
    const first = await post({ metadata }, { 'x-stainless-retry-count': '0' });
    const retry = await post({ metadata }, { 'x-stainless-retry-count': '1' });
    const second = await post({ metadata });
    expect(retry.body.id).toBe(first.body.id);
    expect(second.body.id).not.toBe(first.body.id);
    const unseen = await post({ metadata: { run: 'first never arrived' } }, { 'x-stainless-retry-count': '2' });
    expect(unseen.status).toBe(200);
  });
});

test('a batch is accepted while Temporal is away, and its job is started later', async () => {
  api.jobs.available = false;
  const { id } = await create();
  expect(await listUnstartedBatches(database, CELL.id)).toEqual([id]);
  await expect(api.client.batches.cancel(id)).rejects.toMatchObject({ status: 503, code: 'unavailable' });
  expect((await api.client.batches.retrieve(id)).status).toBe('validating');
  await startUnstartedJobs(api.ports);
  expect(api.jobs.started).not.toContain(id);
  api.jobs.available = true;
  await startUnstartedJobs(api.ports);
  expect(api.jobs.started).toContain(id);
  expect(await listUnstartedBatches(database, CELL.id)).toEqual([]);
});

test('a job that was ended from outside is started anew, its neighbours and what has ended are left alone', async () => {
  const [lost, running, ended] = await Promise.all([create(), create(), create()]);
  await moveBatch(database, ended.id, ['validating'], 'cancelled');
  for (const { id } of [lost, ended]) api.jobs.lost.set(id, 'terminated');
  const starts = () => api.jobs.started.filter((id) => [lost, running, ended].some((batch) => batch.id === id));

  api.jobs.available = false;
  await expect(restartLostJobs(api.ports, 0)).rejects.toMatchObject({ code: 'unavailable' });
  api.jobs.available = true;
  expect(starts()).toHaveLength(3);
  await restartLostJobs(api.ports, 0);
  expect(starts()).toHaveLength(4);
  expect(starts().at(-1)).toBe(lost.id);
  expect(await readJobStart(database, lost.id)).toEqual({ paused: false, losses: 1 });
  const told = (await readJournal(database, CELL.id, 0, 1_000)).filter(({ subject }) => subject === lost.id);
  expect(told.at(-1)?.message).toContain('was terminated before the batch was done');

  await restartLostJobs(api.ports, 0);
  expect(starts()).toHaveLength(4);
});

test('a job that was held back when it was lost is held back when it is started anew', async () => {
  const { id } = await create();
  const model = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) };
  const counts = { shards: 1, pending: 1, inFlight: 0, done: 0, linesPerShard: 1, unitsPerLine: 1 };
  await upsertJobProgress(database, { jobId: id, cellId: CELL.id, model, ...counts, paused: false, finished: false });
  await api.fetch(`/v1/batches/${id}/pause`, { method: 'POST' });
  expect(await readJobStart(database, id)).toEqual({ paused: true, losses: 0 });
});
