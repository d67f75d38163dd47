import { expect, test } from 'vitest';

import { startApiServer } from '../../api/http/server.ts';
import { appendJournal } from '../../store/journal.ts';
import { upsertVehicleStates } from '../../store/vehicleStates.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const line = (message: string) => ({ atMs: 1_000, kind: 'plan' as const, subject: 'cell/test', message });

test.each([
  ['no key', {}, 'Send the API key'],
  ['an unknown key', { authorization: 'Bearer nope' }, 'unknown'],
  ['another scheme', { authorization: 'Basic dGVzdC1rZXk=' }, 'Send the API key'],
])('%s is refused', async (_what, headers, message) => {
  for (const path of ['/v1/files', '/ops/v1/status', '/v1/nothing']) {
    const response = await fetch(api.server.url + path, { headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: { type: 'authentication_error', code: 'unauthorized', message: expect.stringContaining(message) },
    });
  }
});

test('unknown routes and methods answer in the same form, with a request id', async () => {
  const unknown = await api.fetch('/v1/nothing');
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ error: { code: 'not_found', type: 'invalid_request_error' } });
  expect(unknown.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{28}$/);
  const method = await api.fetch('/v1/files/file-1', { method: 'PUT', headers: { 'x-request-id': 'mine' } });
  expect(method.status).toBe(405);
  expect(method.headers.get('allow')).toBe('GET, DELETE');
  expect(method.headers.get('x-request-id')).toBe('mine');
  expect(await method.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
});

test('health and the OpenAPI document need no key', async () => {
  expect(await (await fetch(`${api.server.url}/health`)).json()).toEqual({ status: 'ok' });
  const document = await api.getJson('/openapi.json');
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/v1/files', '/v1/files/{id}/content', '/v1/batches/{id}/cancel', '/ops/v1/journal']),
  );
  expect(Object.keys(document.paths['/v1/files'] ?? {}).sort()).toEqual(['get', 'post']);
});

test('status counts the fleet and names the clock', async () => {
  await upsertVehicleStates(database, [
    { vehicleId: 'car-1', fused: {}, pluggedIn: true, online: true, socPercent: 50, updatedAtMs: 1 },
  ]);
  expect(await (await api.fetch('/ops/v1/status')).json()).toMatchObject({
    cell: { id: CELL.id, slotMinutes: 15 },
    clock: { scale: 1, gridTimeMs: expect.any(Number) },
    jobs: [],
    fleet: [{ regionId: 'oslo', vehicles: 2, online: 1, pluggedIn: 1 }],
  });
});

test('the journal is read by page and followed as events that resume', async () => {
  await appendJournal(database, CELL.id, [line('one'), line('two'), line('three')]);
  const read = async (query: string): Promise<{ seq: number; message: string }[]> =>
    (await api.getJson(`/ops/v1/journal${query}`)).lines;
  const [first, second] = await read('?limit=2');
  expect([first?.message, second?.message]).toEqual(['one', 'two']);
  expect((await read(`?after=${second?.seq}`)).map(({ message }) => message)).toEqual(['three']);
  expect((await api.fetch('/ops/v1/journal?after=-1')).status).toBe(400);

  const response = await api.fetch('/ops/v1/journal/events', { headers: { 'last-event-id': String(first?.seq) } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const seen: string[] = [];
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) seen.push(/"message":"(\w+)"/.exec(event)?.[1] ?? '');
    if (seen.length === 2) await appendJournal(database, CELL.id, [line('four')]);
    if (seen.length >= 3) break;
  }
  expect(seen).toEqual(['two', 'three', 'four']);
});

test('a busy port is named', async () => {
  const port = Number(new URL(api.server.url).port);
  await expect(startApiServer(api.ports, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'port_in_use',
    message: `Port ${port} on 127.0.0.1 is in use.`,
  });
});
