import { describe, expect, test } from 'vitest';

import type { VtnFault, VtnRequest } from '../../../../simulator/vtn/exchange.ts';
import { deleteConnection, readConnection } from '../../../../store/openAdrConnections.ts';
import { listEvents } from '../../../../store/openAdrEvents.ts';
import { sealWith } from '../../../../store/seal.ts';
import { CELL } from '../../../support/fleetFixture.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';
import { HOUR_MS, limitEvent, MIDNIGHT_MS, MINUTE_MS, SECRET, TEST_SEAL, useVen } from './venFixture.ts';

const { database } = useTestDatabase();
const ven = useVen(database);

describe('a utility', () => {
  test('is followed: ven and resource are registered, events become signals, changes and cancellations too', async () => {
    const event = ven.vtn.create('events', limitEvent(9));
    expect(await ven.sync()).toMatchObject({
      changed: true,
      status: { events: 1, programs: 1, failure: null, failures: 0 },
    });
    expect(ven.vtn.store.list('vens')).toMatchObject([{ venName: `ven-${ven.id}` }]);
    expect(ven.vtn.store.list('resources')).toMatchObject([
      { resourceName: 'oslo-1', attributes: [{ type: 'MAX_POWER_CONSUMPTION', values: [22] }] },
    ]);
    expect(await ven.limits()).toEqual(['1-2 9']);
    expect(await ven.sync()).toMatchObject({ changed: false });
    expect(ven.vtn.store.list('vens')).toHaveLength(1);

    ven.vtn.update('events', event.id, {
      priority: 1,
      intervals: [{ id: 4, payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [6] }] }],
    });
    expect(await ven.sync()).toMatchObject({ changed: true });
    expect(await ven.limits()).toEqual(['1-2 6']);

    ven.nowMs = MIDNIGHT_MS + 1.5 * HOUR_MS;
    ven.vtn.remove('events', event.id);
    expect(await ven.sync()).toMatchObject({ changed: true, status: { events: 0 } });
    expect(await ven.limits()).toEqual(['1-1.5 6']);
    expect(await ven.journal()).toEqual([
      expect.stringContaining('sends event "Evening relief": IMPORT_CAPACITY_LIMIT 9 KW on oslo-1 from 02:00 to 03:00'),
      expect.stringContaining('changes event "Evening relief"'),
      expect.stringContaining('takes back event'),
    ]);
  });

  test('anchors "now" at first receipt, and again when the event is a new version', async () => {
    const event = ven.vtn.create(
      'events',
      limitEvent(9, { intervalPeriod: { start: '0001-01-01', duration: 'PT1H' } }),
    );
    await ven.sync();
    ven.nowMs += 30 * MINUTE_MS;
    await ven.sync();
    expect(await ven.limits()).toEqual(['0-1 9']);
    ven.vtn.update('events', event.id, { eventName: 'again' });
    await ven.sync();
    expect((await ven.limits()).at(-1)).toBe('0.5-1.5 9');
  });

  test('is asked for targeted events with the targets that it granted, however many pages there are', async () => {
    await ven.sync();
    const [resource] = ven.vtn.store.list('resources');
    ven.vtn.update('resources', resource?.id ?? '', { targets: ['feeder-7'] });
    for (let hour = 0; hour < 120; hour++) {
      ven.vtn.create(
        'events',
        limitEvent(9, {
          targets: ['feeder-7'],
          intervalPeriod: { start: new Date(MIDNIGHT_MS + hour * HOUR_MS).toISOString(), duration: 'PT30M' },
        }),
      );
    }
    ven.vtn.create('events', limitEvent(1, { targets: ['somebody-else'] }));
    expect(await ven.sync()).toMatchObject({ status: { events: 120 } });
  });

  test('whose server caps pages, or ignores skip, is still walked to the end', async () => {
    for (let count = 0; count < 7; count++) ven.vtn.create('events', limitEvent(9));
    const all = ven.vtn.store.list('events');
    ven.vtn.fault = ({ method, path, query }) =>
      method === 'GET' && path === '/events'
        ? { status: 200, body: all.slice(Number(query.get('skip')), Number(query.get('skip')) + 3) }
        : undefined;
    expect(await ven.sync()).toMatchObject({ status: { events: 7 } });
    ven.vtn.fault = ({ method, path }) =>
      method === 'GET' && path === '/events' ? { status: 200, body: all } : undefined;
    expect(await ven.sync()).toMatchObject({ status: { events: 7 } });
  });

  test('has one bad event refused with its reason, and the rest taken', async () => {
    ven.vtn.create('events', limitEvent(9));
    ven.vtn.create('events', { programID: 'p1', intervals: [{ id: 'x', payloads: [] }] });
    ven.vtn.create('events', limitEvent(9, { intervalPeriod: { duration: 'PT1H' } }));
    ven.vtn.create(
      'events',
      limitEvent(9, { payloadDescriptors: [{ payLoadType: 'IMPORT_CAPACITY_LIMIT', units: 'KVAR' }] }),
    );
    expect(await ven.sync()).toMatchObject({ status: { refused: 3, failure: null } });
    expect(await ven.limits()).toEqual(['1-2 9']);
    const reasons = (await listEvents(database, CELL.id, 10))
      .map(({ refused }) => refused)
      .filter((reason) => reason !== null);
    expect(reasons).toHaveLength(3);
    for (const words of ['KVAR is not a unit of power', 'intervalPeriod.start', 'intervals.0.id']) {
      expect(reasons).toContainEqual(expect.stringContaining(words));
    }
  });

  test('may send private types: they are ignored, and said once', async () => {
    ven.vtn.create('events', limitEvent(9, { intervals: [{ id: 1, payloads: [{ type: 'x-moon', values: [1] }] }] }));
    await ven.sync();
    await ven.sync();
    expect((await ven.journal()).filter((message) => message.includes('uses x-moon'))).toHaveLength(1);
  });
});

const down: (fault: VtnFault) => (request: VtnRequest) => VtnFault | undefined =
  (fault) =>
  ({ method, path }) =>
    method === 'GET' && path === '/events' ? fault : undefined;

describe('a server that is wrong', () => {
  test.each<[string, VtnFault]>([
    ['401', { status: 401 }],
    ['403', { status: 403 }],
    ['404', { status: 404 }],
    ['429', { status: 429, headers: { 'retry-after': '7' } }],
    ['503', { status: 503, body: 'down for maintenance' }],
    ['slow', 'hang'],
    ['cut off', 'cut'],
    ['garbage', { status: 200, body: '<html>sign in</html>' }],
    ['another form', { status: 200, body: { events: [] } }],
    ['endless', { status: 200, body: 'x'.repeat(300_000) }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }],
  ])('with %s takes nothing away, and is told', async (_, fault) => {
    ven.vtn.create('events', limitEvent(9));
    await ven.sync();
    ven.vtn.fault = down(fault);
    const synced = await ven.sync();
    expect(synced?.status).toMatchObject({
      failures: 1,
      events: 1,
      failure: expect.any(String),
      syncedAtMs: ven.nowMs,
    });
    expect(synced?.retryAfterRealMs).toBe(typeof fault === 'object' && fault.headers?.['retry-after'] ? 7_000 : null);
    expect(await ven.limits()).toEqual(['1-2 9']);
    expect(JSON.stringify(synced)).not.toContain(SECRET);
    ven.vtn.fault = () => undefined;
    expect(await ven.sync()).toMatchObject({ status: { failures: 0, failure: null } });
  });

  test('with a page that slips while it is turned loses no event', async () => {
    const event = ven.vtn.create('events', limitEvent(9));
    await ven.sync();
    ven.vtn.fault = down({ status: 200, body: [] });
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 9']);
    expect(ven.vtn.asked.some(({ path }) => path === `/events/${event.id}`)).toBe(true);
  });

  test('that forgot the token is asked for one new one, also where it says so with 403; a right that we lack is not asked for again and again', async () => {
    const tokens = () => ven.vtn.asked.filter(({ path }) => path === '/auth/token').length;
    await ven.sync();
    expect(tokens()).toBe(1);
    ven.vtn.forgetTokens();
    expect(await ven.sync()).toMatchObject({ status: { failure: null } });
    expect(tokens()).toBe(2);
    ven.vtn.fault = ({ path }) => (path === '/programs' ? { status: 401 } : undefined);
    await ven.sync();
    expect(tokens()).toBe(3);
    ven.vtn.fault = ({ path }) => (path === '/programs' ? { status: 403 } : undefined);
    await ven.sync();
    expect(tokens()).toBe(4);
    await ven.sync();
    expect(tokens()).toBe(4);
    ven.nowMs += 6 * MINUTE_MS;
    await ven.sync();
    expect(tokens()).toBe(5);
  });

  test('whose token is about to end is asked for another before it does', async () => {
    await ven.sync();
    ven.nowMs += 0.81 * HOUR_MS;
    await ven.sync();
    expect(ven.vtn.asked.filter(({ path }) => path === '/auth/token')).toHaveLength(2);
  });

  test('that names another host for tokens gets no secret', async () => {
    ven.vtn.fault = ({ path }) =>
      path === '/auth/server' ? { status: 200, body: { tokenURL: 'https://evil.example/token' } } : undefined;
    expect(await ven.sync()).toMatchObject({
      status: { failure: expect.stringContaining('https://evil.example, another host') },
    });
  });

  test('that offers MQTT is listened to where it publishes, with a token when it wants one', async () => {
    await ven.connect({ brokerHosts: ['broker.example.org', 'other.example.org'] });
    expect((await ven.sync())?.status.mqtt).toBeNull();
    expect(ven.offers.at(-1)).toMatchObject({ uris: ['mqtts://broker.example.org'], username: undefined });
    ven.vtn.create('events', limitEvent(9));
    expect(ven.offers.at(-1)?.topics).toContain(ven.published.at(-1));
    const authentication = { method: 'OAUTH2_BEARER_TOKEN', username: '{clientID}' };
    const MQTT = { URIS: ['mqtts://other.example.org'], serialization: 'JSON', authentication };
    ven.vtn.fault = ({ path }) => (path === '/notifiers' ? { status: 200, body: { WEBHOOK: true, MQTT } } : undefined);
    await ven.sync();
    expect(ven.offers.at(-1)).toMatchObject({ username: 'ven', password: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  test('that echoes the secret in an error does not bring it into status or journal', async () => {
    ven.vtn.fault = ({ path }) => (path === '/auth/token' ? { status: 400, body: `bad secret ${SECRET}` } : undefined);
    const synced = await ven.sync();
    expect(synced?.status.failure).toContain('bad secret ***');
    expect(await ven.journal()).toEqual([expect.stringContaining('what it said before holds')]);
    expect(JSON.stringify(await ven.journal())).not.toContain(SECRET);
  });

  test('that knows the ven already is reused after 409', async () => {
    let first = true;
    ven.vtn.store.create('vens', { objectType: 'VEN_VEN_REQUEST', venName: `ven-${ven.id}` });
    ven.vtn.fault = ({ method, path }) => {
      const hides = method === 'GET' && path === '/vens' && first;
      if (hides) first = false;
      return hides ? { status: 200, body: [] } : undefined;
    };
    expect(await ven.sync()).toMatchObject({ status: { failure: null } });
    expect(ven.vtn.store.list('vens')).toHaveLength(1);
  });

  test('that has neither vens, subscriptions nor notifiers is followed without them', async () => {
    await ven.connect({ callbackUrl: 'http://127.0.0.1:9' });
    ven.vtn.create('events', limitEvent(9));
    ven.vtn.fault = ({ path }) =>
      /^\/(vens|resources|subscriptions|notifiers)/.test(path) ? { status: 501 } : undefined;
    expect(await ven.sync()).toMatchObject({
      status: {
        events: 1,
        failure: null,
        webhook: expect.stringContaining('501'),
        mqtt: expect.stringContaining('501'),
      },
    });
  });

  test('that is away for hours keeps its limit in force, and the time after it is not unlimited', async () => {
    ven.vtn.create('events', limitEvent(9));
    await ven.sync();
    ven.vtn.fault = () => ({ status: 503 });
    for (let hour = 1; hour < 4; hour++) {
      ven.nowMs = MIDNIGHT_MS + hour * HOUR_MS;
      expect((await ven.sync())?.status.failures).toBe(hour);
    }
    // Nothing is stated after 02:00: the feeder's fail-safe is then in force.
    expect(await ven.limits()).toEqual(['1-2 9']);
  });
});

test('an emergency tells cars to shed at once, whatever becomes of the reports; taken back, it ends', async () => {
  const emergency = ven.vtn.create(
    'events',
    limitEvent(0, {
      intervalPeriod: { start: '0001-01-01', duration: 'PT1H' },
      payloadDescriptors: [],
      reportDescriptors: [{ payloadType: 'OPERATING_STATE' }],
      intervals: [{ id: 0, payloads: [{ type: 'ALERT_GRID_EMERGENCY', values: ['Substation lost'] }] }],
    }),
  );
  ven.vtn.fault = ({ method, path }) => (method === 'POST' && path.includes('reports') ? { status: 503 } : undefined);
  await ven.sync();
  const topics = ['nightshift/car-1/shed', 'nightshift/car-2/shed'];
  expect(ven.sheds.toSorted()).toEqual(topics);
  ven.vtn.remove('events', emergency.id);
  ven.nowMs += MINUTE_MS;
  await ven.sync();
  expect(ven.sheds.slice(2).toSorted()).toEqual(topics);
});

test('a connection that is removed stops, and secrets sealed with another key do not open', async () => {
  await deleteConnection(database, ven.id);
  expect(await ven.sync()).toBeNull();
  await ven.connect();
  const stored = await readConnection(database, ven.id);
  expect(stored?.sealed).not.toContain(SECRET);
  expect(() => sealWith('another key').open(stored?.sealed ?? '', ven.id)).toThrow('another key');
  expect(() => TEST_SEAL.open(stored?.sealed ?? '', 'another row')).toThrow('another row');
});
