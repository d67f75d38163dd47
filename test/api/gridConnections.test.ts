import { HOUR_MS } from '../../domain/durations.ts';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { OpenAdrStatus } from '../../domain/openAdr.ts';
import { Vtn } from '../../simulator/vtn/vtn.ts';
import { readConnection, saveConnectionStatus, saveRegistration } from '../../store/openAdrConnections.ts';
import { saveMeasurement, upsertEvent } from '../../store/openAdrEvents.ts';
import { upsertReport } from '../../store/openAdrReports.ts';
import { eventually } from '../support/eventually.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from '../cli/cliRun.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const SECRET = 'not-to-be-seen';
const WANTED = {
  vtn_url: 'https://vtn.example.org/openadr3/3.1.0',
  client_id: 'ven',
  client_secret: SECRET,
  region: 'oslo',
};
const MIDNIGHT_MS = Date.parse('2026-02-10T00:00:00Z');
const STATUS: OpenAdrStatus = {
  syncedAtMs: MIDNIGHT_MS,
  failures: 0,
  failure: null,
  programs: 1,
  events: 4,
  refused: 0,
  webhook: null,
  mqtt: 'not offered',
  ignoredTypes: [],
};

const put = (id: string, body: unknown) =>
  api.fetch(`/grid/v1/connections/${id}`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const grid = (...argv: string[]) => cli('grid', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);

const clientOf = async (id: string): Promise<unknown> => {
  const sealed = (await readConnection(database, id))?.sealed ?? '';
  return JSON.parse(api.ports.seal.open(sealed, id)).client;
};

beforeEach(() => void api.hinted.splice(0));

describe('a connection', () => {
  test('is made, hinted, shown without its secret, changed and removed', async () => {
    const made = await put('grid-a', WANTED);
    const text = await made.text();
    expect(made.status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      id: 'grid-a',
      region: 'oslo',
      ven_name: 'nightshift-grid-a',
      status: null,
    });
    expect(text).not.toContain(SECRET);
    expect(api.hinted).toEqual(['grid-a']);
    expect((await readConnection(database, 'grid-a'))?.sealed).not.toContain(SECRET);
    await put('grid-a', { ...WANTED, poll_seconds: 30 });
    expect(await api.getJson('/grid/v1/connections/grid-a')).toMatchObject({ poll_seconds: 30 });
    expect(await api.getJson('/grid/v1/connections')).toMatchObject({ data: [{ id: 'grid-a' }] });
    const removed = await api.fetch('/grid/v1/connections/grid-a', { method: 'DELETE' });
    expect(removed.status).toBe(200);
    expect((await api.fetch('/grid/v1/connections/grid-a')).status).toBe(404);
  });

  test.each([
    ['a server in the clear', { vtn_url: 'http://vtn.example.org' }, 'vtn_url'],
    ['an unknown region', { region: 'atlantis' }, 'region'],
    ['an unknown feeder', { feeders: ['nowhere'] }, 'feeders'],
    ['half of its credentials', { client_secret: undefined }, 'client_secret'],
    ['the other half', { client_id: undefined }, 'client_id'],
    ['an unknown field', { verify: false }, 'verify'],
  ])('with %s is refused, with the field', async (_, over, field) => {
    const refused = await put('grid-b', { ...WANTED, ...over });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(await refused.json())).toContain(field);
    expect(api.hinted).toEqual([]);
  });

  test('keeps the secret that is left out, but gives it to no other server and no other client', async () => {
    const { client_secret: _, ...left } = WANTED;
    await put('grid-k', WANTED);
    expect((await put('grid-k', { ...left, poll_seconds: 30 })).status).toBe(200);
    expect(await clientOf('grid-k')).toEqual({ id: 'ven', secret: SECRET });
    for (const over of [
      { vtn_url: 'https://other.example.org' },
      { token_url: 'https://other.example.org/token' },
      { client_id: 'somebody else' },
    ]) {
      const refused = await put('grid-k', { ...left, ...over });
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'client_secret' } }]);
    }
    expect((await put('grid-k', { ...left, client_id: null })).status).toBe(200);
    expect(await clientOf('grid-k')).toBeUndefined();
  });

  test('tells on the command line what was taken, what was refused and why, and what fails, all at once', async () => {
    await put('grid-s', WANTED);
    const connection = await readConnection(database, 'grid-s');
    if (!connection) throw new Error('it was just stored');
    await saveRegistration(database, connection, {
      venId: 'v1',
      venName: 'Depot',
      isOurs: false,
      venTargets: ['whole'],
      resourceTargets: { 'oslo-1': ['zone-a'] },
    });
    await saveConnectionStatus(database, connection, {
      ...STATUS,
      failures: 2,
      failure: 'answered 503',
      reportFailures: 3,
      reportFailure: 'answered 409',
      refused: 1,
    });
    await upsertEvent(database, {
      connectionId: 'grid-s',
      eventId: 'e1',
      body: { eventName: 'Relief' },
      program: [],
      firstSeenMs: MIDNIGHT_MS,
      anchorMs: MIDNIGHT_MS,
      referenceKw: null,
      feederIds: [],
      startMs: null,
      endMs: null,
      goneMs: null,
      refused: null,
      refusedPayloads: ['SIMPLE: 4 is not a level from 0 to 3'],
      isCancelled: false,
      versionBefore: null,
    });
    const { out } = await grid('connections');
    for (const line of [
      '  known there as "Depot", targets whole, zone-a',
      '  1 programs, 4 events taken, 1 refused; synchronised 00:00 UTC',
      '  events cannot be read, 2 times: answered 503',
      '  reports fail, 3 times: answered 409',
      '  not followed: Relief: SIMPLE: 4 is not a level from 0 to 3',
    ]) {
      expect(out.split('\n')).toContain(line);
    }
  });

  test('needs a key', async () => {
    const headers = { authorization: 'Bearer wrong' };
    expect((await api.fetch('/grid/v1/connections', { headers })).status).toBe(401);
    expect((await api.fetch('/grid/v1/events/e', { headers })).status).toBe(401);
  });
});

describe('the callback', () => {
  const path = '/grid/v1/openadr/grid-c/callback';
  beforeAll(async () => {
    await put('grid-c', WANTED);
  });
  const post = (token: string) =>
    fetch(api.server.url + path, { method: 'POST', body: '{}', headers: { authorization: `Bearer ${token}` } });

  test('echoes what the server asks, and nothing for a stranger', async () => {
    const echoed = await fetch(`${api.server.url}${path}?echo=a1b2%3Cc`);
    expect(await echoed.text()).toBe('a1b2<c');
    expect(echoed.headers.get('content-type')).toContain('text/plain');
    expect((await fetch(`${api.server.url}${path}`)).status).toBe(400);
    expect((await fetch(`${api.server.url}/grid/v1/openadr/other/callback?echo=a`)).status).toBe(404);
  });

  test('takes a hint with the connection’s token only', async () => {
    const sealed = (await readConnection(database, 'grid-c'))?.sealed ?? '';
    const { callbackToken } = JSON.parse(api.ports.seal.open(sealed, 'grid-c'));
    expect((await post('guess')).status).toBe(401);
    expect((await post(api.ports.apiKey)).status).toBe(401);
    expect(api.hinted).toEqual([]);
    expect((await post(callbackToken)).status).toBe(204);
    expect(api.hinted).toEqual(['grid-c']);
    // A new configuration keeps the token that the server was given.
    await put('grid-c', { ...WANTED, poll_seconds: 90 });
    expect((await post(callbackToken)).status).toBe(204);
  });

  test('is proved to a real server and told of its changes', async () => {
    const vtn = await Vtn.start({ clientId: 'ven', clientSecret: SECRET });
    try {
      const { callbackToken } = JSON.parse(
        api.ports.seal.open((await readConnection(database, 'grid-c'))?.sealed ?? '', 'grid-c'),
      );
      const { access_token: token } = (await (
        await fetch(`${vtn.url}/auth/token`, {
          method: 'POST',
          body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'ven', client_secret: SECRET }),
        })
      ).json()) as { access_token: string };
      const subscribe = (callbackUrl: string) =>
        fetch(`${vtn.url}/subscriptions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify({
            clientName: 'ven',
            objectOperations: [{ objects: ['EVENT'], operations: ['CREATE'], callbackUrl, bearerToken: callbackToken }],
          }),
        });
      expect((await subscribe(`${api.server.url}/grid/v1/openadr/stranger/callback`)).status).toBe(400);
      expect((await subscribe(api.server.url + path)).status).toBe(201);
      vtn.create('events', { programID: 'p' });
      await vtn.notified();
      expect(api.hinted).toEqual(['grid-c']);
    } finally {
      await vtn.close();
    }
  });

  test('refuses a flood', async () => {
    const flood = await fetch(api.server.url + path, { method: 'POST', body: 'x'.repeat(2_000_000) });
    expect(flood.status).toBe(413);
  });
});

test('on the command line a utility types its server, its credentials and the region', async () => {
  const { code, out } = await grid(
    'connect',
    '--vtn',
    'https://vtn.example.org',
    '--client-id',
    'ven',
    '--client-secret',
    SECRET,
    '--region',
    'oslo',
    '--ven-name',
    'depot',
    '--priority',
    '20',
    '--eur-per',
    'USD=0.86',
    'SEK=0.09',
    '--no-wait',
  );
  expect({ code, out }).toEqual({ code: 0, out: 'vtn-example-org is followed for oslo\n' });
  expect(await api.getJson('/grid/v1/connections/vtn-example-org')).toMatchObject({
    ven_name: 'depot',
    priority: 20,
    eur_per: { USD: 0.86, SEK: 0.09 },
  });
  expect((await grid('connections')).out).toContain(
    'vtn-example-org for oslo, https://vtn.example.org\n  not synchronised yet',
  );
  expect(await grid('disconnect', 'vtn-example-org')).toMatchObject({ code: 0 });
  expect(await grid('connect', '--vtn', 'https://vtn.example.org', '--region', 'atlantis')).toMatchObject({
    code: 2,
    err: expect.stringContaining('atlantis'),
  });
});

const connect = () => grid('connect', '--vtn', 'https://try.example.org', '--region', 'oslo', '--id', 'grid-t');
/** Says how the connection did as soon as it is configured anew. */
const told = (over: Partial<OpenAdrStatus>) =>
  eventually('it is configured anew', 10_000, async () => {
    const connection = await readConnection(database, 'grid-t');
    if (!connection || connection.status !== null) return undefined;
    await saveConnectionStatus(database, connection, { ...STATUS, ...over });
    return true;
  });

test('is followed only when it has been tried: token, ven and events', async () => {
  const [tried] = await Promise.all([connect(), told({ failure: 'POST /auth/token answered 401', failures: 1 })]);
  expect(tried).toMatchObject({ code: 1, out: expect.stringContaining('does not work yet, and is tried again: POST') });
  const [unknown] = await Promise.all([connect(), told({ registrationFailure: 'GET /vens answered 403' })]);
  expect(unknown).toMatchObject({ code: 1, out: expect.stringContaining('GET /vens answered 403') });
  const [works] = await Promise.all([connect(), told({})]);
  expect(works).toEqual({ code: 0, err: '', out: 'grid-t is followed for oslo: 1 programs, 4 events, 0 refused\n' });
});

test('an event is shown with what it did and what went back', async () => {
  await put('grid-d', WANTED);
  const place = { connectionId: 'grid-d', eventId: 'relief-1' };
  await upsertEvent(database, {
    ...place,
    body: {
      eventName: 'Relief',
      payloadDescriptors: [{ payloadType: 'IMPORT_CAPACITY_LIMIT', units: 'KW' }],
      intervals: [10, 8, 10].map((kw) => ({ payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [kw] }] })),
    },
    program: [],
    firstSeenMs: MIDNIGHT_MS,
    anchorMs: MIDNIGHT_MS,
    referenceKw: null,
    feederIds: ['oslo-1'],
    startMs: MIDNIGHT_MS + HOUR_MS,
    endMs: MIDNIGHT_MS + 2 * HOUR_MS,
    goneMs: null,
    refused: null,
    refusedPayloads: [],
    isCancelled: false,
    versionBefore: null,
  });
  await saveMeasurement(database, place.connectionId, place.eventId, {
    method: 'naesb_meter_before_meter_after',
    methodText: 'the hour before',
    intervals: [
      {
        intervalId: 7,
        startMs: MIDNIGHT_MS + HOUR_MS,
        endMs: MIDNIGHT_MS + 2 * HOUR_MS,
        baselineKwh: 8,
        meteredKwh: 2.5,
        houseKwh: 6,
      },
    ],
    baselineKwh: 8,
    meteredKwh: 2.5,
    shedKwh: 5.5,
    planSeconds: 2,
    responseSeconds: 900,
    cars: [{ vehicleId: 'car-1', baselineKwh: 6, meteredKwh: 0.5 }],
  });
  const sentMs = MIDNIGHT_MS + 3 * HOUR_MS;
  await upsertReport(database, {
    ...place,
    reportName: 'relief-1/USAGE',
    windowEndMs: sentMs,
    body: {
      payloadDescriptors: [{ payloadType: 'USAGE', units: 'KWH', readingType: 'DIRECT_READ' }],
      resources: [{ resourceName: 'oslo-1', intervals: [{ payloads: [{ values: [2.5] }] }] }],
    },
    vtnReportId: 'r1',
    sentMs,
  });
  expect(await api.getJson('/grid/v1/events/relief-1')).toMatchObject({
    state: 'over',
    name: 'Relief',
    asks: [{ type: 'IMPORT_CAPACITY_LIMIT', units: 'KW', values: [10, 8] }],
    start: '2026-02-10T01:00:00.000Z',
    measurement: { shed_kwh: 5.5, intervals: [{ id: 7 }], cars: [{ vehicle: 'car-1' }] },
    reports: [{ name: 'relief-1/USAGE', vtn_id: 'r1' }],
  });
  expect((await api.fetch('/grid/v1/events/none')).status).toBe(404);
  const { out } = await grid('event', 'show', 'relief-1');
  expect(out).toMatch(/7 +01:00 +02:00 +8\.00 +2\.50 +5\.50 +2\.50 +8\.50/);
  expect(out).toContain('asks for IMPORT_CAPACITY_LIMIT 10, 8 KW');
  expect(out).toContain('USAGE KWH DIRECT_READ, oslo-1: 2.5  (sent 03:00 UTC as r1)');
  expect(out).toMatch(/car-1 +6\.00 +0\.50 +5\.50/);
  expect(out).toContain(
    'Plan after 2 s; load below the baseline within 900 s, the end of the first meter slot below it.',
  );
  expect((await grid('event', 'list')).out).toContain('relief-1 "Relief"  grid-d  over');
});
