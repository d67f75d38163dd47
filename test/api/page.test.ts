import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenAPIHono } from '@hono/zod-openapi';
import { beforeAll, describe, expect, test } from 'vitest';
import { addPageFileRoutes, readPageFiles } from '../../api/http/pageFiles.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { accounts } from '../../domain/ledger.ts';
import { saveFeederSlots } from '../../store/feederSlots.ts';
import { appendJournal, readJournalOf } from '../../store/journal.ts';
import { book } from '../../store/ledger.ts';
import { openParkingSession } from '../../store/parkingSessions.ts';
import { upsertRegion } from '../../store/regions.ts';
import { upsertSignals } from '../../store/signals.ts';
import { upsertVehicleStates } from '../../store/vehicleStates.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const SLOT_MS = 15 * 60_000;
const nowMs = Date.now();
const slotMs = Math.floor(nowMs / SLOT_MS) * SLOT_MS;

const keyFor = async (request: object): Promise<string> => {
  const headers = { 'content-type': 'application/json' };
  const made = await api.fetch('/ops/v1/keys', { method: 'POST', headers, body: JSON.stringify(request) });
  return ((await made.json()) as Json).key;
};
const asked = async (key: string, path: string, init: RequestInit = {}): Promise<[number, Json]> => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await api.fetch(path, { ...init, headers });
  return [answer.status, await answer.json()];
};

const exclude = (body: object) => ({ method: 'PUT', body: JSON.stringify(body) });

let utility = '';
let owner = '';

beforeAll(async () => {
  await upsertRegion(database, { id: 'bergen', cellId: CELL.id, timeZone: 'Europe/Oslo', feeds: {} });
  utility = await keyFor({ tenant: 'grid-of-oslo', name: 'control room', scopes: ['grid'], regions: ['oslo'] });
  const made = await api.fetch('/fleet/v1/owners/owner-of-car-1/keys', { method: 'POST' });
  owner = ((await made.json()) as Json).key;
  const signal = { regionId: 'oslo', unit: '', source: 'test', forecast: false, fetchedAtMs: nowMs };
  const span = { ...signal, startMs: slotMs - 2 * SLOT_MS, endMs: slotMs + 2 * HOUR_MS };
  await upsertSignals(database, [
    { ...span, feederId: null, kind: 'price', value: 0.2 },
    { ...span, feederId: null, kind: 'carbon', value: 100 },
    { ...span, feederId: 'oslo-1', kind: 'import_limit', value: 15 },
    { ...span, feederId: 'oslo-1', kind: 'house_load', value: 4 },
  ]);
  await saveFeederSlots(database, [
    { feederId: 'oslo-1', slotStartMs: slotMs - SLOT_MS, chargeKw: 6, computeKw: 1, rentEurPerKwh: 0.03 },
    { feederId: 'oslo-1', slotStartMs: slotMs, chargeKw: 3, computeKw: 0.5, rentEurPerKwh: 0 },
    // A feeder that was removed while the plan was made.
    { feederId: 'gone', slotStartMs: slotMs, chargeKw: 1, computeKw: 1, rentEurPerKwh: 0 },
  ]);
  await database.query(
    `insert into meter_intervals (vehicle_id, slot_start, charging_kwh, compute_kwh) values ($1, $2, 1.25, 0.25)`,
    ['car-1', new Date(slotMs - SLOT_MS)],
  );
});

describe('who a key is', () => {
  test('an operator, a utility, a submitter and an owner each are told what they may look at', async () => {
    const [, operator] = await asked('test-key', '/page/v1/caller');
    expect(operator).toMatchObject({ kind: 'tenant', roles: ['operator', 'submitter'], clock: { scale: 1 } });
    expect(operator.regions.map(({ id }: Json) => id)).toEqual(['bergen', 'oslo']);
    const [, grid] = await asked(utility, '/page/v1/caller');
    expect(grid).toMatchObject({ roles: ['utility'], regions: [{ id: 'oslo' }], temporal_ui: null });
    const submitter = await keyFor({ tenant: 'someone', name: 'page', scopes: ['submit'] });
    expect((await asked(submitter, '/page/v1/caller'))[1]).toMatchObject({ roles: ['submitter'], regions: [] });
    expect((await asked(owner, '/page/v1/caller'))[1]).toMatchObject({
      kind: 'owner',
      name: 'owner-of-car-1',
      roles: ['owner'],
      regions: [{ id: 'oslo' }],
    });
  });

  test.each(['', 'nonsense', 'nso_nonsense'])('a stranger with the key "%s" is refused', async (key) => {
    const answer = await api.fetch('/page/v1/caller', {
      headers: { authorization: key === '' ? '' : `Bearer ${key}` },
    });
    expect(answer.status).toBe(401);
  });
});

describe('a utility’s key', () => {
  test('reads its own regions and nothing else, and changes nothing', async () => {
    const [, { regions }] = await asked(utility, '/grid/v1/regions');
    expect(regions.map(({ id }: Json) => id)).toEqual(['oslo']);
    for (const path of ['', '/timeline', '/feeders', '/signals', '/windows']) {
      expect((await asked(utility, `/grid/v1/regions/oslo${path}`))[0]).toBe(200);
      expect((await asked(utility, `/grid/v1/regions/bergen${path}`))[0]).toBe(404);
    }
    expect((await asked(utility, '/grid/v1/events'))[0]).toBe(200);
    expect((await asked(utility, '/grid/v1/connections'))[0]).toBe(403);
    expect((await asked(utility, '/ops/v1/status'))[0]).toBe(403);
    const declare = { method: 'POST', body: JSON.stringify({ reason: 'x', until: new Date().toISOString() }) };
    expect((await asked(utility, '/grid/v1/regions/oslo/emergency', declare))[0]).toBe(403);
    expect((await asked(utility, '/fleet/v1/vehicles'))[0]).toBe(403);
  });

  test.each([
    [{ scopes: ['grid'] }, 'regions: are given with the scope "grid"'],
    [{ scopes: ['submit'], regions: ['oslo'] }, 'regions: are given with the scope "grid"'],
    [{ scopes: ['grid'], regions: ['paris'] }, 'regions: "paris" is not one of bergen, oslo'],
  ])('is not made of %j', async (request, message) => {
    const body = JSON.stringify({ tenant: 'a', name: 'b', ...request });
    const [status, { error }] = await asked('test-key', '/ops/v1/keys', { method: 'POST', body });
    expect([status, error.param]).toEqual([400, 'regions']);
    expect(error.message).toContain(message);
  });
});

describe('the timeline', () => {
  const window = `from=${new Date(slotMs - SLOT_MS).toISOString()}&to=${new Date(slotMs + SLOT_MS).toISOString()}`;

  test('has plan and meter side by side, and what is unknown as null', async () => {
    const [, timeline] = await asked('test-key', `/grid/v1/regions/oslo/timeline?${window}`);
    expect(timeline).toMatchObject({
      start: new Date(slotMs - SLOT_MS).toISOString(),
      slot_minutes: 15,
      plan_id: null,
      price_eur_per_kwh: [0.2, 0.2],
      ambient_celsius: [null, null],
      limit_kw: [15, 15],
      house_kw: [4, 4],
      planned_charge_kw: [6, 3],
      planned_compute_kw: [1, 0.5],
      metered_charge_kw: [5, null],
      metered_compute_kw: [1, null],
      limit_price_eur_per_kwh: [0.03, 0],
    });
    const [, other] = await asked('test-key', `/grid/v1/regions/oslo/timeline?${window}&feeder=oslo-1`);
    expect(other).toMatchObject({ feeder_id: 'oslo-1', metered_charge_kw: [5, null] });
    expect((await asked('test-key', `/grid/v1/regions/oslo/timeline?${window}&feeder=x`))[0]).toBe(404);
    expect((await asked('test-key', '/grid/v1/regions/oslo/timeline?from=yesterday'))[1].error.param).toBe('from');
  });

  test('comes as a table', async () => {
    const answer = await api.fetch(`/grid/v1/regions/oslo/timeline.csv?${window}`);
    expect(answer.headers.get('content-type')).toContain('text/csv');
    const lines = (await answer.text()).split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^start,end,price_eur_per_kwh/);
    expect(lines[1]?.split(',').slice(2)).toEqual(['0.2', '100', '', '15', '4', '6', '1', '5', '1', '0.03']);
  });

  test('of feeders says what binds now', async () => {
    const [, { feeders }] = await asked(utility, '/grid/v1/regions/oslo/feeders');
    expect(feeders).toMatchObject([
      { id: 'oslo-1', limit_kw: 15, limit_source: 'test', house_kw: 4, planned_kw: 3.5, metered_kw: 6, cars: 2 },
    ]);
  });
});

describe('an operator', () => {
  test('excludes a car, its session is told, the journal says who and why, and lets it back', async () => {
    await openParkingSession(database, {
      vehicleId: 'car-2',
      pluggedInAtMs: nowMs,
      readyByMs: nowMs + HOUR_MS,
      targetSocPercent: 80,
      arrivalSocPercent: 50,
    });
    expect((await asked('test-key', '/ops/v1/cars/car-2/exclusion', exclude({ reason: 'its fan rattles' })))[0]).toBe(
      200,
    );
    const why = await api.getJson('/fleet/v1/vehicles/car-2/why');
    expect(why).toMatchObject({ heldBy: 'safety' });
    expect(why.claims[0].reasons).toMatchObject([{ source: 'operator', code: 'excluded_by_operator' }]);
    expect(why.claims[0].reasons[0].text).toContain('its fan rattles');
    expect(api.policyChanges).toContain('car-2/1');
    const lines = await readJournalOf(database, CELL.id, 'car-2', 0, 10);
    expect(lines.map(({ kind }) => kind)).toContain('operator');
    expect(lines.find(({ kind }) => kind === 'operator')?.message).toContain('its fan rattles (key root)');
    expect((await asked('test-key', '/ops/v1/cars/car-2/exclusion', { method: 'DELETE' }))[0]).toBe(200);
    expect((await api.getJson('/fleet/v1/vehicles/car-2/why')).claims[0].reasons).toEqual([]);
  });

  test('is told what is missing', async () => {
    expect((await asked('test-key', '/ops/v1/cars/none/exclusion', exclude({ reason: 'x' })))[0]).toBe(404);
    expect((await asked('test-key', '/ops/v1/cars/car-1/exclusion', exclude({ reason: ' ' })))[1].error.param).toBe(
      'reason',
    );
    expect((await asked('test-key', '/ops/v1/jobs/none/pause', { method: 'POST' }))[0]).toBe(404);
    expect((await asked(owner, '/ops/v1/cars/car-1/exclusion', { method: 'DELETE' }))[0]).toBe(401);
  });
});

test('an owner’s night: what was metered, what it earned, and only of the own car', async () => {
  await upsertVehicleStates(database, [
    { vehicleId: 'car-1', fused: {}, pluggedIn: true, online: true, socPercent: 61.4, updatedAtMs: nowMs },
  ]);
  await openParkingSession(database, {
    vehicleId: 'car-1',
    pluggedInAtMs: slotMs - SLOT_MS,
    readyByMs: slotMs + 4 * HOUR_MS,
    targetSocPercent: 80,
    arrivalSocPercent: 50,
  });
  const entry = { currency: 'EUR', item: 'work' } as const;
  await book(database, {
    key: 'work/1',
    kind: 'compute',
    atMs: nowMs,
    reference: 'job/1/shard/1',
    vehicleId: 'car-1',
    entries: [
      { ...entry, account: accounts.owner('owner-of-car-1'), amountMicros: 250_000 },
      { ...entry, account: accounts.margin, amountMicros: -250_000 },
    ],
  });
  const [, night] = await asked(owner, '/fleet/v1/vehicles/car-1/night');
  const metered = night.intervals.find(({ startMs }: Json) => startMs === slotMs - SLOT_MS);
  expect(metered).toMatchObject({ meteredChargeKw: 5, meteredComputeKw: 1, priceEurPerKwh: 0.2 });
  expect(night.earned).toEqual([{ currency: 'EUR', stay: 0.25, total: 0.25 }]);
  expect(night.charging.asPlanned.costEur).toBeCloseTo(0.25, 6);
  expect(night.stay.readyByMs).toBe(slotMs + 4 * HOUR_MS);
  expect((await asked(owner, '/fleet/v1/vehicles/car-2/night'))[0]).toBe(404);
  const { policy } = await api.getJson('/fleet/v1/vehicles/car-1');
  const preview = { method: 'POST', body: JSON.stringify({ ...policy, targetSocPercent: 101 }) };
  expect((await asked(owner, '/fleet/v1/vehicles/car-1/policy/preview', preview))[1].error.param).toBe(
    'targetSocPercent',
  );
});

/** The first of each event that the stream tells, up to one of the name. */
const firstEvents = async (key: string, until: string): Promise<Map<string, Json>> => {
  const end = new AbortController();
  const answer = await api.fetch('/page/v1/events', {
    headers: { authorization: `Bearer ${key}` },
    signal: end.signal,
  });
  const found = new Map<string, Json>();
  let text = '';
  for await (const bytes of answer.body ?? []) {
    text += Buffer.from(bytes).toString();
    for (const block of text.split('\n\n').slice(0, -1)) {
      const [, name = ''] = /^event: (.+)$/m.exec(block) ?? [];
      found.set(name, JSON.parse(/^data: (.+)$/m.exec(block)?.[1] ?? 'null'));
    }
    if (found.has(until)) break;
  }
  end.abort();
  return found;
};

test('the stream tells each viewer what is theirs', async () => {
  await appendJournal(database, CELL.id, [{ atMs: nowMs, kind: 'plan', subject: 'test', message: 'A line' }]);
  const operator = await firstEvents('test-key', 'line');
  expect([...operator.keys()].sort()).toEqual(['alerts', 'batches', 'cars', 'events', 'jobs', 'line', 'regions']);
  expect(operator.get('cars')).toMatchObject({ full: true, removed: [] });
  expect(operator.get('cars').rows.map(({ id }: Json) => id)).toEqual(['car-1', 'car-2']);
  const own = await firstEvents(owner, 'cars');
  expect(own.get('cars').rows.map(({ id }: Json) => id)).toEqual(['car-1']);
  expect([...own.keys()]).toEqual(['cars']);
  const grid = await firstEvents(utility, 'events');
  expect([...grid.keys()].sort()).toEqual(['events', 'regions']);
  expect(grid.get('regions')).toMatchObject([{ id: 'oslo', cars: 2 }]);
});

test('the page’s files let nothing foreign run, and are not sent twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-page-'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'app.js'), 'console.log(1)');
  await writeFile(join(folder, 'secret.key'), 'x');
  const app = new OpenAPIHono();
  addPageFileRoutes(app, { page: await readPageFiles([join(folder, 'none'), folder]) });
  await rm(folder, { recursive: true });
  const index = await app.request('/');
  expect(index.headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'self'/);
  expect(index.headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
  const script = await app.request('/page/app.js', { headers: { 'accept-encoding': 'gzip, br' } });
  expect(script.headers.get('content-encoding')).toBe('gzip');
  const again = await app.request('/page/app.js', { headers: { 'if-none-match': script.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
  expect((await app.request('/page/secret.key')).status).toBe(404);
  expect((await readPageFiles([join(folder, 'none')])).size).toBe(0);
});
