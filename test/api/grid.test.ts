import { HOUR_MS } from '../../domain/durations.ts';
import { beforeEach, describe, expect, test } from 'vitest';

import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const START_MS = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
const at = (hour: number): string => new Date(START_MS + hour * HOUR_MS).toISOString();
const span = (from: number, to: number, value: number) => ({ start: at(from), end: at(to), value });

const put = (kind: string, body: object, region = 'oslo') =>
  api.fetch(`/grid/v1/regions/${region}/signals/${kind}`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const hour = (time: string): number => (Date.parse(time) - START_MS) / HOUR_MS;
async function inForce(): Promise<string[]> {
  const query = new URLSearchParams({ from: at(0), to: at(10) });
  const { signals } = await api.getJson(`/grid/v1/regions/oslo/signals?${query.toString()}`);
  return signals.map(
    (each: { kind: string; feeder_id: string | null; start: string; end: string; value: number; source: string }) =>
      `${each.kind} ${each.feeder_id ?? '-'} ${hour(each.start)}-${hour(each.end)}=${each.value} ${each.source}`,
  );
}

beforeEach(async () => {
  api.pushedTo.length = 0;
  await database.query('delete from signals');
});

describe('pushed signals', () => {
  test('are in force at once, the region is told, and a later push replaces what it covers', async () => {
    const price = { unit: 'EUR/kWh', spans: [span(0, 4, 0.3), span(4, 20, 0.1)] };
    const answer = await put('price', price);
    expect(await answer.json()).toEqual({ region_id: 'oslo', kind: 'price', source: 'push/utility', stored: 2 });
    expect(api.pushedTo).toEqual(['oslo']);
    await put('price', { ...price, spans: [span(2, 5, -0.05)] });
    expect(await inForce()).toEqual([
      'price - 0-2=0.3 push/utility',
      'price - 2-5=-0.05 push/utility',
      'price - 5-10=0.1 push/utility',
    ]);
  });

  test('of several sources the lower priority counts, of limits the tightest', async () => {
    await put('price', { unit: 'EUR/kWh', source: 'a', priority: 50, spans: [span(0, 4, 0.3)] });
    await put('price', { unit: 'EUR/kWh', source: 'b', priority: 60, spans: [span(2, 6, 0.1)] });
    const limit = { unit: 'kW', feeder_id: 'oslo-1' };
    await put('import_limit', { ...limit, source: 'a', spans: [span(0, 4, 10)] });
    await put('import_limit', { ...limit, source: 'b', spans: [span(2, 3, 4)] });
    expect(await inForce()).toEqual([
      'price - 0-4=0.3 push/a',
      'price - 4-6=0.1 push/b',
      'import_limit oslo-1 0-2=10 push/a',
      'import_limit oslo-1 2-3=4 push/b',
      'import_limit oslo-1 3-4=10 push/a',
    ]);
  });

  test('come back in the normal form', async () => {
    await put('carbon', { unit: 'g/kWh', forecast: true, spans: [span(0, 1, 250)] });
    const { signals } = await api.getJson(`/grid/v1/regions/oslo/signals?from=${at(0)}`);
    expect(signals).toEqual([
      {
        kind: 'carbon',
        feeder_id: null,
        start: at(0),
        end: at(1),
        value: 250,
        unit: 'g/kWh',
        source: 'push/utility',
        priority: 10,
        forecast: true,
        estimated: false,
        fetched_at: expect.any(String),
        age_seconds: expect.any(Number),
        revision: expect.any(Number),
      },
    ]);
    expect(Date.parse(signals[0].fetched_at)).toBe(signals[0].revision);
  });

  test.each([
    ['unit', 'price', { unit: 'EUR/MWh', spans: [span(0, 1, 80)] }, 'must be EUR/kWh'],
    [
      'spans.1.value',
      'price',
      { unit: 'EUR/kWh', spans: [span(0, 1, 1), span(1, 2, 250)] },
      'from -100 to 100 EUR/kWh',
    ],
    ['spans.0.end', 'price', { unit: 'EUR/kWh', spans: [span(1, 1, 1)] }, 'after start'],
    ['spans.0.start', 'price', { unit: 'EUR/kWh', spans: [span(1, 3, 1), span(0, 2, 1)] }, 'the end of spans.1'],
    ['feeder_id', 'import_limit', { unit: 'kW', feeder_id: 'x', spans: [span(0, 1, 1)] }, 'one of oslo-1'],
    [
      'spans.0.start',
      'price',
      { unit: 'EUR/kWh', spans: [{ ...span(0, 1, 1), start: '2026-01-01T00:00' }] },
      'with its offset',
    ],
  ])('are refused whole with the field %s and its limit', async (field, kind, body, limit) => {
    const answer = await put(kind, body);
    const { error } = (await answer.json()) as { error: { param: string; message: string } };
    expect([answer.status, error.param]).toEqual([400, field]);
    expect(error.message).toContain(limit);
    expect(await inForce()).toEqual([]);
    expect(api.pushedTo).toEqual([]);
  });

  test('of a region or kind that is not there are refused', async () => {
    const body = { unit: 'kW', spans: [span(0, 1, 1)] };
    expect((await put('import_limit', body, 'nowhere')).status).toBe(404);
    expect((await put('weather', body)).status).toBe(400);
    const noKey = await api.fetch('/grid/v1/regions', { headers: { authorization: 'Bearer wrong' } });
    expect(noKey.status).toBe(401);
  });
});

test('lists regions with their feeders', async () => {
  expect(await api.getJson('/grid/v1/regions')).toEqual({
    regions: [{ id: 'oslo', time_zone: 'Europe/Oslo', feeders: [{ id: 'oslo-1', fail_safe_import_kw: 20 }] }],
  });
});

test('tells the off-peak windows of the day from noon to noon', async () => {
  const { from, to } = await api.getJson('/grid/v1/regions/oslo/windows');
  const middle = new Date((Date.parse(from) + Date.parse(to)) / 2).toISOString();
  await put('price', {
    unit: 'EUR/kWh',
    spans: [
      { start: from, end: middle, value: 0.4 },
      { start: middle, end: to, value: 0.1 },
    ],
  });
  const { windows } = await api.getJson('/grid/v1/regions/oslo/windows');
  expect(windows).toEqual([{ start: middle, end: to }]);
});

test('a period of more than 7 days is refused', async () => {
  const answer = await api.getJson(`/grid/v1/regions/oslo/signals?from=${at(0)}&to=${at(200)}`);
  expect(answer.error).toMatchObject({ param: 'to', code: 'invalid_request' });
});
