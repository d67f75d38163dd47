import OpenAI, { toFile } from 'openai';
import { beforeAll, expect, test } from 'vitest';

import { storeModel } from '../support/batchFixture.ts';
import type { BatchEnd } from '../../domain/activities/jobActivities.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { moveBatch } from '../../store/batches.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';
import { endBatch } from './endBatch.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const ENDPOINT = '/v1/embeddings';

beforeAll(async () => {
  await storeModel(database, 1);
});

const lineOf = (id: string) =>
  JSON.stringify({ custom_id: id, method: 'POST', url: ENDPOINT, body: { model: 'm', input: `naïve ${id}` } });

async function submitted(ids: readonly string[], metadata: Record<string, string> = {}): Promise<string> {
  const text = `${ids.map(lineOf).join('\n\n')}\n`;
  const file = await api.client.files.create({ file: await toFile(Buffer.from(text), 'in.jsonl'), purpose: 'batch' });
  const batch = await api.client.batches.create({
    input_file_id: file.id,
    endpoint: ENDPOINT,
    completion_window: '24h',
    metadata,
  });
  return batch.id;
}

const end = (batchId: string, statuses: Record<number, number>, outcome: BatchEnd) =>
  endBatch(api.ports, batchId, statuses, outcome);

const resubmit = (id: string, options: { body?: object; headers?: Record<string, string> } = {}) =>
  api.client.post(`/batches/${id}/resubmit`, options) as Promise<Json>;

async function idsOf(fileId: string): Promise<string[]> {
  const text = await (await api.client.files.content(fileId)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).custom_id as string);
}

test('a new batch has what was refused and what was left, in order, byte for byte, and ends like any other', async () => {
  const deadline = new Date(gridTimeMs(CELL.clock, Date.now()) + 3_600_000).toISOString();
  const id = await submitted(['a', 'b', 'c', 'd'], { 'grid.deadline': deadline, 'grid.priority': '2', mine: 'kept' });
  await end(id, { 0: 200, 1: 400 }, 'expired');
  const batch = await resubmit(id);
  expect(batch).toMatchObject({
    status: 'validating',
    endpoint: ENDPOINT,
    completion_window: '24h',
    metadata: { 'grid.deadline': deadline, 'grid.priority': '2', mine: 'kept' },
  });
  expect(batch.id).not.toBe(id);
  const text = await (await api.client.files.content(batch.input_file_id)).text();
  expect(text).toBe(`${['b', 'c', 'd'].map(lineOf).join('\n')}\n`);
  expect(await api.client.files.retrieve(batch.input_file_id)).toMatchObject({ filename: `${id}_unfinished.jsonl` });
  expect(api.jobs.started).toContain(batch.id);

  await end(batch.id, { 0: 200 }, 'cancelled');
  const again = await resubmit(batch.id, { body: { completion_window: '7d', metadata: {} } });
  expect(again).toMatchObject({ completion_window: '7d', metadata: {} });
  expect(await idsOf(again.input_file_id)).toEqual(['c', 'd']);
  await end(again.id, { 0: 200, 1: 200 }, 'completed');
  await expect(resubmit(again.id)).rejects.toThrow(/Every request of batch/);
});

test('a retry gets the batch of the first try; a second wish is a second batch', async () => {
  const id = await submitted(['a', 'b']);
  await end(id, {}, 'cancelled');
  const first = await resubmit(id);
  expect((await resubmit(id, { headers: { 'x-stainless-retry-count': '1' } })).id).toBe(first.id);
  const keyed = await resubmit(id, { headers: { 'idempotency-key': 'mine' } });
  expect(keyed.id).not.toBe(first.id);
  expect((await resubmit(id, { headers: { 'idempotency-key': 'mine' } })).id).toBe(keyed.id);
  expect(await idsOf(keyed.input_file_id)).toEqual(['a', 'b']);
});

test('a deadline that is over and the key of the ended batch are not taken over', async () => {
  const soon = gridTimeMs(CELL.clock, Date.now()) + 60_000;
  const id = await submitted(['a'], { 'grid.deadline': new Date(soon).toISOString(), 'grid.idempotency_key': 'k1' });
  await end(id, {}, 'expired');
  await database.query(
    `update batches set metadata = metadata || '{"grid.deadline":"2001-01-01T00:00:00Z"}' where id = $1`,
    [id],
  );
  const batch = await resubmit(id);
  expect(batch.id).not.toBe(id);
  expect(batch.metadata).toEqual({});
});

test('says why there is nothing to resubmit', async () => {
  const running = await submitted(['a']);
  await expect(resubmit(running)).rejects.toThrow(/is validating; resubmit it when it has ended/);
  await moveBatch(database, running, ['validating'], 'failed');
  await expect(resubmit(running)).rejects.toThrow(/refused as a whole/);
  await expect(resubmit('batch_none')).rejects.toMatchObject({ status: 404 });

  const forgotten = await submitted(['a', 'b']);
  await end(forgotten, { 0: 200 }, 'expired');
  const { output_file_id: output } = await api.client.batches.retrieve(forgotten);
  await api.client.files.delete(output ?? '');
  await expect(resubmit(forgotten)).rejects.toThrow(/output file of batch .* is gone/);
});

test('another tenant cannot resubmit it, and its file counts to the quota', async () => {
  const id = await submitted(['a']);
  await end(id, {}, 'expired');
  const headers = { 'content-type': 'application/json' };
  const created = await api.fetch('/ops/v1/keys', {
    method: 'POST',
    headers,
    body: JSON.stringify({ tenant: 'other', name: 'n' }),
  });
  const { key } = (await created.json()) as Json;
  const other = new OpenAI({ apiKey: key, baseURL: `${api.server.url}/v1`, maxRetries: 0 });
  await expect(other.post(`/batches/${id}/resubmit`)).rejects.toMatchObject({ status: 404 });

  await api.fetch('/ops/v1/tenants/default', { method: 'PUT', headers, body: JSON.stringify({ max_stored_bytes: 1 }) });
  await expect(resubmit(id)).rejects.toMatchObject({ status: 429 });
  await api.fetch('/ops/v1/tenants/default', { method: 'PUT', headers, body: '{}' });
  expect((await resubmit(id)).status).toBe('validating');
});
