import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { feedHttp } from '../../../../activities/grid/feeds/feedHttp.ts';
import { mqttOffer } from '../../../../activities/grid/openadr/mqttOffer.ts';
import { redactor } from '../../../../activities/grid/redactor.ts';
import { tokenSource } from '../../../../activities/grid/openadr/vtnTokens.ts';
import { vtnClient } from '../../../../activities/grid/openadr/vtnClient.ts';
import { openAdrSettingsSchema } from '../../../../domain/openAdr.ts';
import { upsertFeeder } from '../../../../store/feeders.ts';
import { listEventsOf } from '../../../../store/openAdrEvents.ts';
import { upsertRegion } from '../../../../store/regions.ts';
import { CELL } from '../../../support/fleetFixture.ts';
import { SELF_SIGNED } from '../../../support/selfSigned.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';
import { HOUR_MS, limitEvent, MIDNIGHT_MS, SECRET, useVen } from './venFixture.ts';

/** What a utility's server, or somebody in its place, may send. */

const { database } = useTestDatabase();
const ven = useVen(database);

beforeAll(async () => {
  await upsertFeeder(database, { id: 'oslo-1', regionId: 'oslo', failSafeImportKw: 20 });
});

const refusals = async (): Promise<(string | null)[]> =>
  (await listEventsOf(database, ven.id, 0)).map(({ refused }) => refused);

const price = (value: number) => ({
  programID: 'p1',
  intervalPeriod: { start: '2026-02-10T01:00:00Z', duration: 'PT1H' },
  intervals: [{ id: 0, payloads: [{ type: 'PRICE', values: [value] }] }],
});

describe('one bad event is refused with its reason, and the rest is taken', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a NUL in a text', limitEvent(5, { eventName: 'a\u0000b' }), 'cannot be stored'],
    ['half a character', limitEvent(5, { eventName: 'a\ud800b' }), 'cannot be stored'],
    ['an id without an end', limitEvent(5, { id: 'x'.repeat(5_000) }), 'id: '],
    ['a NUL in its id', limitEvent(5, { id: 'a\u0000b' }), 'cannot be stored'],
    [
      'a start that no calendar has',
      limitEvent(5, { intervalPeriod: { start: '+012025-01-01T00:00:00Z' } }),
      'instant',
    ],
    ['a price beyond reason', price(5_000), '5000 EUR/kWh is not from -100 to 100'],
    ['a limit that is no number', limitEvent(Number.NaN), 'interval'],
  ])('%s', async (_, bad, reason) => {
    ven.vtn.create('events', bad);
    ven.vtn.create('events', limitEvent(9));
    expect(await ven.sync()).toMatchObject({ changed: true, status: { failure: null, events: 1, refused: 1 } });
    expect(await ven.limits()).toEqual(['1-2 9']);
    const said = (await refusals()).filter((refused) => refused !== null);
    expect(said).toHaveLength(1);
    // A start that is missing is the word for what is no number, in JSON null.
    if (reason !== 'interval') expect(said[0]).toContain(reason);
    // It is said once and stays so.
    expect(await ven.sync()).toMatchObject({ changed: false, status: { events: 1, refused: 1 } });
  });

  test('an end that no calendar has is no end', async () => {
    ven.vtn.create('events', limitEvent(9, { intervalPeriod: { start: '2026-02-10T01:00:00Z', duration: 'P9000Y' } }));
    expect(await ven.sync()).toMatchObject({ status: { events: 1, refused: 0 } });
    expect(await ven.limits()).toEqual([expect.stringMatching(/^1-\d+ 9$/)]);
  });

  test('one whose report cannot be laid out keeps nobody from being followed', async () => {
    const loop = { duration: 'P60D', reportDescriptors: [{ payloadType: 'USAGE' }] };
    const period = { start: '2026-01-10T00:00:00Z', duration: 'PT1M' };
    ven.vtn.create('events', limitEvent(5, { id: 'loop', intervalPeriod: period, priority: 9, ...loop }));
    ven.vtn.create('events', limitEvent(9, { priority: 1 }));
    const synced = await ven.sync();
    expect(synced).toMatchObject({ changed: true, isAway: false });
    expect(synced?.status.reportFailure).toContain(
      'event "Evening relief" cannot be measured or reported on: has more than',
    );
    expect(await ven.limits()).toContainEqual('1-2 9');
  });

  test('a tariff that has run for years is followed and reported on', async () => {
    const started = { start: '2022-01-01T00:00:00Z', duration: 'PT1H' };
    ven.vtn.create('events', {
      programID: 'p1',
      duration: 'P9999Y',
      intervalPeriod: started,
      intervals: [0.2, 0.3].map((value, id) => ({ id, payloads: [{ type: 'PRICE', values: [value] }] })),
      reportDescriptors: [{ payloadType: 'USAGE', aggregate: true, numIntervals: 1, frequency: 1, repeat: -1 }],
    });
    expect(await ven.sync()).toMatchObject({ status: { failure: null } });
    ven.nowMs += 2.1 * HOUR_MS;
    expect(await ven.sync()).toMatchObject({ status: { failure: null } });
    const starts = ven.vtn.store.list('reports').map((report) => JSON.stringify(report));
    expect(starts.some((report) => report.includes('2026-02-10T01:00:00.000Z'))).toBe(true);
    expect(ven.vtn.store.list('reports').length).toBeLessThan(10);
  });
});

describe('secrets', () => {
  test('are not shown where an answer is cut short, nor as a form or JSON writes them', () => {
    const secret = 'a/b"c+d e';
    const hidden = redactor([secret, undefined, '']);
    expect(hidden(`1 ${secret} 2 ${encodeURIComponent(secret)} 3 ${JSON.stringify(secret)}`)).toBe(
      '1 *** 2 *** 3 "***"',
    );
  });

  test('of which the end of a quotation would hold a part', async () => {
    const echo = `${'x'.repeat(195)}${SECRET} callback-token`;
    ven.vtn.fault = ({ path }) => (path === '/programs' ? { status: 500, body: echo } : undefined);
    const { status } = (await ven.sync()) ?? {};
    expect(status?.failure).toContain('xxx***');
    expect(status?.failure).not.toContain(SECRET.slice(0, 3));
  });
});

describe('a server', () => {
  test('cannot have us connect to a broker elsewhere, nor on our own machine', async () => {
    const broker = (uri: string) => {
      const MQTT = { URIS: [uri], authentication: { method: 'ANONYMOUS' } };
      ven.vtn.fault = ({ path }) => (path === '/notifiers' ? { status: 200, body: { MQTT } } : undefined);
    };
    broker('mqtts://evil.example');
    const { status } = (await ven.sync()) ?? {};
    expect(status?.mqtt).toContain('evil.example, other hosts than its own');
    expect(ven.offers).toEqual([]);
    const { origin } = new URL(ven.vtn.url);
    // It is on this machine itself, whatever that is called.
    broker('mqtt://localhost:1883');
    expect([origin.includes('127.0.0.1'), (await ven.sync())?.status.mqtt]).toEqual([true, null]);
    await ven.connect({ brokerHosts: ['evil.example'] });
    broker('mqtts://evil.example');
    expect((await ven.sync())?.status.mqtt).toBeNull();
  });

  test('elsewhere cannot have us connect to our own machine', async () => {
    const client = vtnClient(
      openAdrSettingsSchema.parse({ vtnUrl: ven.vtn.url, regionId: 'oslo', venName: 'v' }),
      { client: { id: 'ven', secret: SECRET }, callbackToken: 't' },
      Date.now,
    );
    const MQTT = { URIS: ['mqtt://localhost:1883'], authentication: { method: 'ANONYMOUS' } };
    ven.vtn.fault = ({ path }) => (path === '/notifiers' ? { status: 200, body: { MQTT } } : undefined);
    const elsewhere = { vtnUrl: 'https://vtn.example.org', brokerHosts: [] };
    expect(await mqttOffer(client, null, elsewhere, { callbackToken: 't' })).toContain('localhost, other hosts');
  });

  test('that is https cannot have the secret sent in the clear, and it is said why', async () => {
    const tokens = tokenSource({
      http: async () => ({ tokenURL: 'http://vtn.example.org/token' }),
      endpoint: (path) => new URL(path, 'https://vtn.example.org/'),
      client: { id: 'ven', secret: SECRET },
      scopes: [],
      tokenUrl: undefined,
      now: Date.now,
    });
    await expect(tokens.current()).rejects.toThrow('which is http although the server is https');
  });

  test('that is slow with what is beside the events does not keep an emergency waiting', async () => {
    const alert = { type: 'ALERT_GRID_EMERGENCY', values: ['now'] };
    const period = { start: '0001-01-01T00:00:00Z', duration: 'PT1H' };
    ven.vtn.create('events', { programID: 'p1', intervalPeriod: period, intervals: [{ id: 0, payloads: [alert] }] });
    let shedsByThen: number | undefined;
    ven.vtn.fault = ({ path }) => {
      if (path === '/notifiers') shedsByThen ??= ven.sheds.length;
      return undefined;
    };
    await ven.sync();
    expect(shedsByThen).toBeGreaterThan(0);
  });

  test('whose list is larger than a limit is not held in memory', async () => {
    const settings = openAdrSettingsSchema.parse({ vtnUrl: ven.vtn.url, regionId: 'oslo', venName: 'v' });
    const secrets = { client: { id: 'ven', secret: SECRET }, callbackToken: 't' };
    for (let index = 0; index < 120; index++) ven.vtn.create('events', limitEvent(9));
    const client = vtnClient(settings, secrets, Date.now, { maxWalkBytes: 50_000 });
    await expect(client.walk('events')).rejects.toThrow('bytes');
    const roomy = vtnClient(settings, secrets, Date.now, { maxWalkBytes: 500_000 });
    expect(await roomy.walk('events')).toHaveLength(120);
  });

  test('that lost a report gets it anew when it is corrected', async () => {
    ven.vtn.create('events', limitEvent(9, { reportDescriptors: [{ payloadType: 'USAGE', aggregate: true }] }));
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    await ven.sync();
    const [sent] = ven.vtn.store.list('reports');
    ven.vtn.store.remove('reports', sent?.id ?? '');
    await database.query(
      `insert into meter_intervals (vehicle_id, slot_start, charging_kwh, compute_kwh) values ('car-1', $1, 1, 0)`,
      [new Date(MIDNIGHT_MS + HOUR_MS)],
    );
    expect(await ven.sync()).toMatchObject({ status: { failure: null } });
    expect(ven.vtn.store.list('reports')).toHaveLength(1);
    await database.query('delete from meter_intervals');
  });
});

describe('TLS', () => {
  test('is verified unless that is switched off; a private authority can be named', async () => {
    const server = createServer(SELF_SIGNED, (_, response) => response.end('[]'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const vtnUrl = `https://localhost:${(server.address() as AddressInfo).port}`;
    const walk = (over: object) => {
      const settings = openAdrSettingsSchema.parse({ vtnUrl, regionId: 'oslo', venName: 'v', ...over });
      return vtnClient(settings, { callbackToken: 't' }, Date.now).walk('events');
    };
    await expect(walk({})).rejects.toThrow('SELF_SIGNED');
    expect(await walk({ ca: SELF_SIGNED.cert })).toEqual([]);
    expect(await walk({ verifyTls: false })).toEqual([]);
    await expect(feedHttp({ origin: vtnUrl }).text({ path: '/' })).rejects.toThrow('cannot be reached');
    server.closeAllConnections();
    server.close();
  });
});

describe('what a connection speaks for', () => {
  beforeEach(async () => {
    await upsertRegion(database, { id: 'bergen', cellId: CELL.id, timeZone: 'Europe/Oslo', feeds: {} });
    await upsertFeeder(database, { id: 'bergen-1', regionId: 'bergen', failSafeImportKw: 20 });
  });

  test('may become another region: the old one is limited no more', async () => {
    ven.vtn.create('events', limitEvent(9));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 9']);
    await ven.connect({ regionId: 'bergen' });
    await ven.sync();
    expect(await ven.limits()).toEqual([]);
    const moved = await database.query('select feeder_id from signals where source = $1', [`openadr/${ven.id}`]);
    expect(moved).toEqual([{ feeder_id: 'bergen-1' }]);
  });

  test('may become more feeders: an event that is known already reaches them', async () => {
    await upsertFeeder(database, { id: 'oslo-2', regionId: 'oslo', failSafeImportKw: 20 });
    await ven.connect({ feederIds: ['oslo-1'] });
    ven.vtn.create('events', limitEvent(9));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 9']);
    await ven.connect();
    expect((await ven.sync())?.changed).toBe(true);
    expect(await ven.limits()).toEqual(['1-2 4.5', '1-2 4.5']);
    await database.query(`delete from signals where feeder_id = 'oslo-2'`);
    await database.query(`delete from feeders where id = 'oslo-2'`);
  });
});
