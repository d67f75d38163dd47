import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import OpenAI, { toFile } from 'openai';
import { beforeAll, describe, expect, test } from 'vitest';

import { createWebhookActivities } from '../../activities/webhooks/webhookActivities.ts';
import { recordAcceptedShard } from '../../store/acceptedShards.ts';
import { moveBatch } from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { addModel } from '../../store/models.ts';
import { addShardFootprint } from '../../store/shardFootprints.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { acceptPart } from './acceptedPart.ts';
import { useApi, type Json } from './apiHarness.ts';
import { storePlan } from './planFixture.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const MODEL = { name: 'lsa', version: '1', family: 'lsa', sha256: '0'.repeat(64) };
let inputFileId = '';

beforeAll(async () => {
  const line = JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'lsa' } });
  const file = await toFile(Buffer.from(`${line}\n`), 'input.jsonl');
  inputFileId = (await api.client.files.create({ file, purpose: 'batch' })).id;
  await addModel(database, { ...MODEL, manifest: {}, tenantId: null });
});

async function running(): Promise<string> {
  const { id } = await api.client.batches.create({
    input_file_id: inputFileId,
    endpoint: '/v1/embeddings',
    completion_window: '24h',
  });
  await moveBatch(database, id, ['validating'], 'in_progress');
  const shards = { shards: 6, pending: 6, inFlight: 0, done: 0, linesPerShard: 2, unitsPerLine: 1 };
  await upsertJobProgress(database, {
    jobId: id,
    cellId: CELL.id,
    model: MODEL,
    ...shards,
    paused: false,
    finished: false,
  });
  return id;
}

async function post(path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method: 'POST', headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: answer.status, body: await answer.json() };
}

describe('x_grid', () => {
  test('says when the newest plan runs the batch, why, and what it has used', async () => {
    const id = await running();
    await storePlan(database, [id]);
    await addShardFootprint(database, { jobId: id, shard: 0, energyWh: 500, gCo2: 25, costEur: 0.1 });
    await addShardFootprint(database, { jobId: id, shard: 1, energyWh: 250, gCo2: null, costEur: null });
    const { x_grid: grid } = await api.getJson(`/v1/batches/${id}`);
    expect(grid).toMatchObject({ state: 'waiting', energy_wh: 750, gco2: 25, cost: { eur: 0.1, unpriced_wh: 250 } });
    expect(grid.per_1000_tokens).toBeNull();
    const accepted = { jobId: id, completed: 1, failed: 0, handovers: 0, redoneLines: 0, parts: [] };
    for (const shard of [0, 1]) {
      await recordAcceptedShard(database, { ...accepted, shard, inputTokens: 150, outputTokens: 100 });
    }
    const { usage, x_grid: counted } = await api.getJson(`/v1/batches/${id}`);
    expect(usage).toMatchObject({ input_tokens: 300, output_tokens: 200, total_tokens: 500 });
    expect(counted.per_1000_tokens).toEqual({ energy_wh: 1_500, gco2: 50 });
    expect(grid.reasons.length).toBeGreaterThan(0);
    expect(grid.planned_windows[0]).toMatchObject({ start: expect.any(String), shards: expect.any(Number) });
    const planned = grid.planned_windows.reduce((sum: number, window: Json) => sum + window.shards, 0);
    expect(planned).toBeGreaterThanOrEqual(6);
    expect(Date.parse(grid.eta)).toBeGreaterThan(Date.now());
  });
});

describe('pause and resume', () => {
  test('through the stock client', async () => {
    const id = await running();
    const paused = (await api.client.post(`/batches/${id}/pause`)) as Json;
    expect(paused).toMatchObject({ status: 'in_progress', x_grid: { state: 'paused' } });
    expect(api.jobs.paused.get(id)).toBe(true);
    expect(await api.client.post(`/batches/${id}/resume`)).toMatchObject({ x_grid: { state: 'waiting' } });
    expect(api.jobs.paused.get(id)).toBe(false);
  });

  test('not of a batch that has ended, nor of none', async () => {
    const id = await running();
    await moveBatch(database, id, ['in_progress'], 'completed');
    expect(await post(`/v1/batches/${id}/pause`)).toMatchObject({ status: 400, body: { error: { param: 'status' } } });
    expect((await post('/v1/batches/batch_none/pause')).status).toBe(404);
  });
});

const answer = (customId: string, status: number): string =>
  JSON.stringify({
    id: `r-${customId}`,
    custom_id: customId,
    response: { status_code: status, request_id: 'q', body: {} },
    error: null,
  });

test('a batch that runs shows its answers so far as the content of its output file, and what they took', async () => {
  const id = await running();
  expect(await api.client.batches.retrieve(id)).not.toHaveProperty('usage');
  await acceptPart(api.ports, id, 3, 0, [answer('c', 200), answer('d', 400)]);
  await acceptPart(api.ports, id, 1, 1, [answer('b', 200)]);
  const { x_grid: grid, usage } = await api.getJson(`/v1/batches/${id}`);
  expect(usage).toEqual({
    input_tokens: 15,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 6,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 21,
  });
  const content = await (await api.client.files.content(grid.partial_output_file_id)).text();
  expect(
    content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).custom_id),
  ).toEqual(['b', 'c']);
});

async function eventsOf(id: string, lastEventId?: string): Promise<{ status: number; text: string }> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const answer = await api.fetch(`/v1/batches/${id}/events`, { headers });
  return { status: answer.status, text: await answer.text() };
}

describe('events of a batch', () => {
  test('tell its lines and states, resume after the last one seen, and end with it', async () => {
    const id = await running();
    const line = (message: string) => ({ atMs: 1, kind: 'handover' as const, subject: id, message });
    await appendJournal(database, CELL.id, [line('one'), { ...line('not mine'), subject: 'batch_other' }]);
    const reading = eventsOf(id);
    await appendJournal(database, CELL.id, [line('two')]);
    await moveBatch(database, id, ['in_progress'], 'completed');
    const { text } = await reading;
    expect([...text.matchAll(/"message":"([^"]+)"/g)].map((match) => match[1])).toEqual(['one', 'two']);
    expect(text).toMatch(/event: batch\ndata: .*"status":"completed"/);
    expect(text.trimEnd()).toMatch(/event: end\ndata: completed$/);
    const [first, second] = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]);
    const resumed = await eventsOf(id, first);
    expect(resumed.text).not.toContain('"one"');
    expect(resumed.text).toContain('"two"');
    expect((await eventsOf(id, second)).status).toBe(204);
  });
});

test('a webhook carries what the stock client unwraps, and is told apart from a forged one', async () => {
  const id = await running();
  const received: { body: string; headers: Record<string, string> }[] = [];
  let statusCode = 503;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ body, headers: request.headers as Record<string, string> });
      response.writeHead(statusCode).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  try {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const endpoint = await post('/v1/webhook_endpoints', { url });
    expect(endpoint.status).toBe(200);
    await moveBatch(database, id, ['in_progress'], 'completed');
    const activities = createWebhookActivities({ database, hosts: 'loopback', seal: api.ports.seal });
    const [stored] = await database.query<{ secret: string }>('select secret from webhook_endpoints');
    expect(stored?.secret).not.toContain(endpoint.body.secret.slice('whsec_'.length));
    const [endpointId = ''] = await activities.webhooksOf({ batchId: id });
    await expect(activities.postWebhook({ batchId: id, endpointId })).rejects.toThrow(/answered 503/);
    statusCode = 204;
    await activities.postWebhook({ batchId: id, endpointId });

    const client = new OpenAI({ apiKey: 'x', webhookSecret: endpoint.body.secret });
    const [first, second] = received;
    const event = await client.webhooks.unwrap(second?.body ?? '', second?.headers ?? {});
    expect(event).toMatchObject({ object: 'event', type: 'batch.completed', data: { id } });
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id']);
    await expect(
      client.webhooks.unwrap((second?.body ?? '').replace('completed', 'failed'), second?.headers ?? {}),
    ).rejects.toThrow();
    const deleted = await api.fetch(`/v1/webhook_endpoints/${endpointId}`, { method: 'DELETE' });
    expect(deleted.status).toBe(200);
    expect(await activities.webhooksOf({ batchId: id })).toEqual([]);
  } finally {
    receiver.close();
  }
});
