import { toFile } from 'openai';
import { beforeAll, describe, expect, test } from 'vitest';
import { storeModel } from '../../support/batchFixture.ts';
import { DEFAULT_PRICE_BOOK } from '../../../domain/priceBook.ts';
import type { Plan } from '../../../scheduler/plan.ts';
import { latestPlan } from '../../../store/plans.ts';
import { seedVehicle } from '../../../store/vehicles.ts';
import { quoteBatch } from '../../../api/http/quoteBatch.ts';
import { CELL, testVehicle } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { useApi, type Json } from '../apiHarness.ts';
import { storePlan } from '../planFixture.ts';

const { database } = useTestDatabase();
// In this process: how quotes are planned beside the API has its own test.
const api = useApi(database, { quotes: { quote: (batch) => quoteBatch(database, batch) } });

async function send(method: string, path: string, body: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method, headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

async function inputOf(requests: number): Promise<string> {
  const lines = Array.from({ length: requests }, (_, index) =>
    JSON.stringify({
      custom_id: `${index}`,
      method: 'POST',
      url: '/v1/embeddings',
      body: { model: 'm', input: ['a', 'b'] },
    }),
  );
  return (
    await api.client.files.create({ file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'), purpose: 'batch' })
  ).id;
}

const batchOf = (input_file_id: string, metadata: Record<string, string> = {}) => ({
  input_file_id,
  endpoint: '/v1/embeddings',
  completion_window: '24h',
  metadata,
});

beforeAll(async () => {
  await storeModel(database, 100);
  await storePlan(database, []);
});

describe('quotes', () => {
  test('have a price that is kept for their input, and say what breaks it', async () => {
    const input = await inputOf(1000);
    const { body: quote } = await send('POST', '/v1/batches/quote', batchOf(input));
    expect(quote).toMatchObject({ id: expect.stringMatching(/^quote_/), price: { currency: 'EUR', price_book: 0 } });
    // 1,000 requests of a model that says nothing of itself, and the energy.
    expect(quote.price.amount).toBeGreaterThanOrEqual(0.01);
    const named = { 'grid.quote': quote.id };
    const { body: batch } = await send('POST', '/v1/batches', batchOf(input, named));
    expect(batch.x_grid.price).toEqual({
      amount: 0,
      currency: 'EUR',
      estimate: quote.price.amount,
      cap: quote.price.amount,
      quote: quote.id,
    });
    const broken = async (request: object) => (await send('POST', '/v1/batches', request)).body.error;
    const other = await inputOf(1);
    expect(await broken(batchOf(other, named))).toMatchObject({
      param: 'metadata.grid.quote',
      message: expect.stringContaining(`it is for the input ${input}; ask for a new one`),
    });
    expect((await broken(batchOf(input, { ...named, 'grid.priority': '1' }))).message).toContain('priority unset');
    expect((await broken({ ...batchOf(input, named), completion_window: '2h' })).message).toContain('a deadline of');
    expect((await broken(batchOf(input, { ...named, 'grid.region': 'oslo' }))).message).toContain('all regions');
    expect((await broken(batchOf(input, { ...named, 'grid.quorum': '2' }))).message).toContain('a quorum of 1');
    expect((await broken(batchOf(input, { 'grid.quote': 'none' }))).message).toContain('there is no quote "none"');
  });

  test('count all cars of a quorum', async () => {
    const input = await inputOf(1000);
    const { body: one } = await send('POST', '/v1/batches/quote', batchOf(input));
    const { body: three } = await send('POST', '/v1/batches/quote', batchOf(input, { 'grid.quorum': '3' }));
    // 0.01 for each car's 1,000 answers; the plan counts energy by whole slots, in which three shards fit as well as one.
    expect(three.price.amount).toBeCloseTo(one.price.amount + 0.02, 6);
    const named = { 'grid.quote': three.id, 'grid.quorum': '3' };
    expect((await send('POST', '/v1/batches', batchOf(input, named))).body.x_grid.price.cap).toBe(three.price.amount);
  });

  test('without an input are an estimate', async () => {
    const { input_file_id: _, ...request } = batchOf('');
    const { body } = await send('POST', '/v1/batches/quote', { ...request, model: 'm', requests: 10 });
    expect(body).toMatchObject({ id: null, price: { kept_until: null } });
  });
});

describe('what a batch may cost', () => {
  test('is capped by its submitter: one that may cost more is not begun', async () => {
    const input = await inputOf(1000);
    const { body } = await send('POST', '/v1/batches', batchOf(input, { 'grid.max_cost': '0.000001' }));
    expect(body.error).toMatchObject({
      param: 'metadata.grid.max_cost',
      message: expect.stringContaining('may cost up to'),
    });
    const taken = await send('POST', '/v1/batches', batchOf(input, { 'grid.max_cost': '5' }));
    expect(taken.body.x_grid.price).toMatchObject({ cap: 5, quote: null });
  });

  test('must be covered by balance and credit: 402 says what is missing, open batches count', async () => {
    const made = await send('POST', '/ops/v1/keys', { tenant: 'lab', name: 'lab', scopes: ['submit'] });
    const key = made.body.key as string;
    const upload = new FormData();
    upload.set('purpose', 'batch');
    const line = { custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'a' } };
    upload.set('file', new File([JSON.stringify(line)], 'in.jsonl'));
    const asLab = (path: string, body: FormData | string) => {
      const headers = {
        authorization: `Bearer ${key}`,
        ...(typeof body === 'string' && { 'content-type': 'application/json' }),
      };
      return fetch(`${api.server.url}${path}`, { method: 'POST', headers, body });
    };
    const { id: input } = (await (await asLab('/v1/files', upload)).json()) as { id: string };
    const submit = async (): Promise<{ status: number; body: Json }> => {
      const answer = await asLab('/v1/batches', JSON.stringify(batchOf(input)));
      return { status: answer.status, body: await answer.json() };
    };
    await send('PUT', '/ops/v1/tenants/lab', { credit_limit: '0' });
    const refused = await submit();
    expect(refused.status).toBe(402);
    expect(refused.body.error).toMatchObject({
      code: 'payment_required',
      message: expect.stringContaining('are missing: the batch may cost up to'),
    });
    const [, missing = ''] = /^([\d.]+) EUR are missing/.exec(refused.body.error.message) ?? [];
    // Just enough for one, and not for another beside it.
    const { body: tenant } = await send('PUT', '/ops/v1/tenants/lab', { credit_limit: missing });
    expect(tenant).toMatchObject({ credit_limit: Number(missing), balance: {} });
    expect((await submit()).status).toBe(200);
    expect((await submit()).body.error.message).toContain(`${missing} EUR are missing`);
  });
});

test('prices are published, to submitters and to owners, and set by operators from a time on', async () => {
  expect(await api.getJson('/v1/prices')).toMatchObject({
    price_book: 0,
    currency: 'EUR',
    charged_in: { currency: 'EUR', per_unit: 1 },
    submitters: { per_kwh: '0.75', per_1000: { pages: '0.10' } },
    next: [],
  });
  const formula = await api.getJson('/fleet/v1/formula');
  expect(formula).toMatchObject({
    owners: { work_per_kwh: '0.10' },
    regions: [{ regionId: 'oslo', rate: { currency: 'EUR' } }],
  });
  expect(formula.formula.map(({ item }: Json) => item)).toEqual(['energy', 'wear', 'work', 'streak', 'availability']);
  const rates = [{ currency: 'NOK', per_unit: 11.7345, source: 'ECB', date: '2026-11-27' }];
  const dearer = { ...DEFAULT_PRICE_BOOK, submitters: { per_kwh: '0.90' }, rates, regions: { oslo: 'NOK' } };
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  expect(await send('POST', '/ops/v1/price_books', { valid_from: soon, book: dearer })).toMatchObject({
    status: 200,
    body: { version: 1, valid_from: soon, set_by: 'root' },
  });
  expect(await api.getJson('/v1/prices')).toMatchObject({
    submitters: { per_kwh: '0.75' },
    next: [{ price_book: 1, valid_from: soon, submitters: { per_kwh: '0.90' } }],
  });
  const past = await send('POST', '/ops/v1/price_books', { valid_from: '2020-01-01T00:00:00Z', book: dearer });
  expect(past.body.error).toMatchObject({ param: 'valid_from' });
  const inDollars = { ...dearer, currency: 'USD', rates: [{ ...rates[0], currency: 'EUR' }, ...rates] };
  expect((await send('POST', '/ops/v1/price_books', { book: inDollars })).status).toBe(409);
  await send('POST', '/ops/v1/price_books', { book: dearer });
  expect(await api.getJson('/fleet/v1/formula')).toMatchObject({
    regions: [{ regionId: 'oslo', rate: { currency: 'NOK', per_unit: 11.7345, source: 'ECB', date: '2026-11-27' } }],
  });
  expect((await send('PUT', '/ops/v1/tenants/lab', { currency: 'JPY' })).body.error.message).toContain(
    'no rate of JPY',
  );
});

test('an owner sees what the newest plan would bring', async () => {
  await seedVehicle(database, testVehicle('away'));
  const away = await api.getJson('/fleet/v1/vehicles/away/pay');
  expect(away).toMatchObject({
    id: 'away',
    lines: [],
    total: 0,
    currency: 'NOK',
    words: expect.stringContaining('not have the car'),
  });
  await storePlan(database, ['job']);
  const latest = await latestPlan<unknown, Plan>(database, CELL.id);
  const planned = latest?.plan.cars.find(({ computeKw }) => computeKw.some((kw) => kw > 0));
  await seedVehicle(database, testVehicle(planned?.carId ?? ''));
  const shown = await api.getJson(`/fleet/v1/vehicles/${planned?.carId}/pay`);
  const kwh = planned?.computeKw.reduce((sum, kw) => sum + kw / 4, 0) ?? 0;
  const work = shown.lines.find(({ item }: Json) => item === 'work');
  expect(work.quantity).toBeCloseTo(kwh, 5);
  expect(work.unitPrice).toBeCloseTo(0.1 * 11.7345, 6);
  expect(shown.lines.map(({ item }: Json) => item)).toEqual(['energy', 'wear', 'work', 'availability']);
  expect(shown.total).toBeCloseTo(
    shown.lines.reduce((sum: number, { amount }: Json) => sum + amount, 0),
    6,
  );
});
