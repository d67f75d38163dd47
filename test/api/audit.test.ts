import { afterEach, expect, test } from 'vitest';

import { withoutSecrets } from '../../api/http/audit.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { cli } from '../cli/cliRun.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const send = (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Response> =>
  api.fetch(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
let seen = 0;
async function changes(query = ''): Promise<Json[]> {
  const found: Json = await api.getJson(`/ops/v1/audit?after=${seen}${query}`);
  return found.changes;
}
afterEach(async () => {
  seen = (await changes()).at(-1)?.seq ?? seen;
});

test('an emergency stands there with who declared it, what was said, and what became of it', async () => {
  const until = new Date(Date.now() + HOUR_MS).toISOString();
  const answer = await send('POST', '/grid/v1/regions/oslo/emergency', { reason: 'Frequency', until });
  expect(answer.status).toBe(201);
  await send('DELETE', '/grid/v1/regions/oslo/emergency');
  expect(await changes()).toMatchObject([
    {
      actor: 'key/root',
      tenant: 'default',
      method: 'POST',
      path: '/grid/v1/regions/oslo/emergency',
      body: { reason: 'Frequency', until },
      request_id: answer.headers.get('x-request-id'),
      status: 201,
    },
    { method: 'DELETE', status: 200, body: null },
  ]);
});

test('what an operator and an owner change at a car is told apart, and found by car and by actor', async () => {
  await send('PUT', '/ops/v1/cars/car-1/exclusion', { reason: 'smoke' });
  const made: Json = await (await send('POST', '/fleet/v1/owners/owner-of-car-1/keys')).json();
  const owner = { authorization: `Bearer ${made.key}` };
  await send('PUT', '/fleet/v1/vehicles/car-1/policy', { targetSocPercent: 70 }, owner);
  await send('PUT', '/fleet/v1/vehicles/car-2/policy', { targetSocPercent: 70 }, owner);
  const found = await changes();
  expect(found.map(({ actor, path }) => `${actor} ${path}`)).toEqual([
    'key/root /ops/v1/cars/car-1/exclusion',
    'key/root /fleet/v1/owners/owner-of-car-1/keys',
    'owner/owner-of-car-1 /fleet/v1/vehicles/car-1/policy',
    'owner/owner-of-car-1 /fleet/v1/vehicles/car-2/policy',
  ]);
  // Somebody else's car: tried, refused, and written down.
  expect(found.at(-1)?.status).toBeGreaterThanOrEqual(400);
  expect(await changes('&actor=owner/owner-of-car-1&about=car-1')).toHaveLength(1);

  const { out, code } = await cli('audit', '--url', api.server.url, '--key', 'test-key', '--about', 'exclusion');
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(/^\S+Z {2}key\/root {2}PUT \/ops\/v1\/cars\/car-1\/exclusion {2}200 \{"reason":"smoke"\}\n$/),
  ]);
});

test('what only asks, or is read, or is not let in, is no change', async () => {
  await api.getJson('/ops/v1/status');
  await send('POST', '/ops/v1/jobs/batch_1/pause', {}, { authorization: 'Bearer nobody' });
  expect(await changes()).toEqual([]);
});

test('secrets are left out, however deep', () => {
  expect(
    withoutSecrets({ id: 'v', client_secret: 'a', nested: [{ apiKey: 'b', password: 'c', price: 1 }], iban: 'd' }),
  ).toEqual({ id: 'v', client_secret: '…', nested: [{ apiKey: '…', password: '…', price: 1 }], iban: '…' });
});

test('a change that cannot be written down is not made', async () => {
  await database.query('alter table audit_log rename to audit_log_away');
  try {
    const answer = await send('DELETE', '/ops/v1/cars/car-1/exclusion');
    expect(answer.status).toBe(500);
    const [claims] = await database.query<{ reasons: { code: string }[] }>(
      `select reasons from vehicle_claims where vehicle_id = 'car-1'`,
    );
    expect(claims?.reasons.map(({ code }) => code)).toContain('excluded_by_operator');
  } finally {
    await database.query('alter table audit_log_away rename to audit_log');
  }
});

test('the log cannot be changed or emptied', async () => {
  for (const sql of [
    'delete from audit_log',
    'truncate audit_log',
    `update audit_log set actor = 'nobody'`,
    'update audit_log set status = 200 where status is not null',
  ])
    await expect(database.query(sql), sql).rejects.toThrow('append-only');
});

test('only the operator reads it', async () => {
  const made: Json = await (
    await send('POST', '/ops/v1/keys', { tenant: 'default', name: 'x', scopes: ['submit'] })
  ).json();
  const answer = await api.fetch('/ops/v1/audit', { headers: { authorization: `Bearer ${made.key}` } });
  expect(answer.status).toBe(403);
});
