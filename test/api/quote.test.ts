import { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SIMULATED_CLASSES } from '../../domain/hardwareClasses.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { addModel } from '../../store/models.ts';
import { startQuoter } from '../../worker/api/quoter.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { withItsWork } from '../../api/http/quote.ts';
import { useApi, type Json } from './apiHarness.ts';
import { storePlan } from './planFixture.ts';

const { url, database } = useTestDatabase();
const quoter = startQuoter(url);
afterAll(() => quoter.close());
const api = useApi(database, { quotes: quoter });
const request = { endpoint: '/v1/embeddings', completion_window: '12h', model: 'lsa', requests: 30 };

beforeAll(async () => {
  await addModel(database, {
    name: 'lsa',
    version: '1',
    family: 'lsa',
    sha256: '0'.repeat(64),
    manifest: {},
    tenantId: null,
  });
  for (const hardwareClass of SIMULATED_CLASSES)
    await seedClassSpeed(database, { modelName: 'lsa', modelVersion: '1', hardwareClass, statedMsPerUnit: 60_000 });
});

async function quote(body: object): Promise<{ status: number; body: Json; retryAfter: string | null }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch('/v1/batches/quote', { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json(), retryAfter: answer.headers.get('retry-after') };
}

test('before the first plan says to ask again', async () => {
  expect(await quote(request)).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
});

describe('with a plan', () => {
  beforeEach(() => storePlan(database, []));

  test('says when, how much, how clean and how sure, and submits nothing', async () => {
    const before = (await api.client.batches.list()).data.length;
    const { status, body } = await quote(request);
    expect(status).toBe(200);
    expect(body).toMatchObject({ object: 'batch.quote', requests: 30, shards: 3, feasible: true });
    expect(Date.parse(body.eta)).toBeLessThanOrEqual(Date.parse(body.deadline));
    expect(body.energy_wh).toBeGreaterThan(0);
    expect(body.windows.length).toBeGreaterThan(0);
    expect(body.confidence.probability).toBeGreaterThan(0);
    expect(body.confidence.scenarios).toBeGreaterThanOrEqual(1);
    expect((await api.client.batches.list()).data).toHaveLength(before);

    expect(body).toMatchObject({ tokens: null, per_1000_tokens: null });
    const capped = await quote({ ...request, metadata: { 'grid.max_price': '0.000001' } });
    expect(capped.body).toMatchObject({ feasible: false, eta: null, energy_wh: 0, confidence: { probability: 0 } });
    const line = JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'lsa' } });
    const file = await toFile(Buffer.from(`${line}\n`), 'input.jsonl');
    const { id: inputFileId } = await api.client.files.create({ file, purpose: 'batch' });
    const fromFile = { endpoint: '/v1/embeddings', completion_window: '12h', input_file_id: inputFileId };
    expect((await quote(fromFile)).body).toMatchObject({ requests: 1, model: 'lsa' });
  });

  test.each([
    [{}, 'requests'],
    [{ requests: 5 }, 'model'],
    [{ requests: 5, model: 'none' }, 'model'],
    [{ requests: 0, model: 'lsa' }, 'requests'],
    [{ input_file_id: 'file-none' }, 'input_file_id'],
    [{ requests: 5, model: 'lsa', metadata: { 'grid.region': 'atlantis' } }, 'metadata.grid.region'],
  ])('refuses %j', async (part, param) => {
    const answer = await quote({
      endpoint: '/v1/embeddings',
      completion_window: '12h',
      ...part,
    });
    expect(answer).toMatchObject({ status: 400, body: { error: { param } } });
  });
});

function window(shards: number, eur: number, grams: number) {
  return { start: '', end: '', region: 'r', shards, price_eur_per_kwh: eur, gco2_per_kwh: grams };
}

describe('requests that fit beside what a car computes anyway', () => {
  const planned = {
    object: 'batch.quote' as const,
    model: 'lsa',
    requests: 12,
    shards: 4,
    deadline: '',
    feasible: true,
    eta: null,
    windows: [window(1, 0.1, 300), window(3, 0.3, 100)],
    energy_wh: 0,
    cost: { eur: 0 },
    gco2: 0,
    tokens: 2_000,
    per_1000_tokens: null,
    confidence: { probability: 1, scenarios: 1, assumption: '' },
    reasons: [],
    planned_from: '',
  };

  test('take their own energy, at the price and carbon of their hours', () => {
    expect(withItsWork(planned, 0.04)).toMatchObject({
      energy_wh: 0.04,
      cost: { eur: 0.00001 },
      gco2: 0.006,
      per_1000_tokens: { energy_wh: 0.02, gco2: 0.003 },
    });
  });

  test('take what the plan grows by where that is more, and nothing where nothing is planned', () => {
    expect(withItsWork({ ...planned, energy_wh: 25 }, 0.04)).toMatchObject({ energy_wh: 25 });
    expect(withItsWork({ ...planned, windows: [] }, 0.04)).toMatchObject({ energy_wh: 0 });
    expect(withItsWork({ ...planned, shards: 8 }, 0.04)).toMatchObject({ energy_wh: 0.02 });
  });
});

// A plan holds up the event loop that it runs on from its beginning to its end.
test('is made beside the event loop that serves everybody', async () => {
  await storePlan(database, [], 100);
  const before = performance.eventLoopUtilization();
  const { status } = await quote(request);
  expect(status).toBe(200);
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
});

test('beyond a few at once is refused, and the others are made', async () => {
  const job = { cellId: CELL.id, model: 'lsa', requests: 1, shards: 1, deadlineMs: Date.now() + 6 * HOUR_MS };
  const asked = Array.from({ length: 5 }, () => quoter.quote({ ...job, classes: [], tokens: null }));
  const answers = await Promise.allSettled(asked);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(4).fill('fulfilled'), 'rejected']);
  await expect(asked.at(-1)).rejects.toMatchObject({ code: 'rate_limited' });
});

test('one that takes too long fails, and the next has a new process', async () => {
  const job = { cellId: CELL.id, model: 'lsa', requests: 1, shards: 1, deadlineMs: Date.now() + 6 * HOUR_MS };
  const hasty = startQuoter(url, 1);
  await expect(hasty.quote({ ...job, classes: [], tokens: null })).rejects.toMatchObject({ code: 'unavailable' });
  await hasty.close();
});
