import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createOpenAdrActivities } from '../../../../activities/grid/openadr/openAdrActivities.ts';
import {
  reportBodySchema,
  resourceBodySchema,
  subscriptionBodySchema,
  venBodySchema,
} from '../../../../activities/grid/openadr/outgoing.ts';
import { openAdrSettingsSchema } from '../../../../domain/openAdr.ts';
import { Vtn } from '../../../../simulator/vtn/vtn.ts';
import type { VtnFault, VtnRequest } from '../../../../simulator/vtn/exchange.ts';
import { readJournal } from '../../../../store/journal.ts';
import { recordMeterReadings } from '../../../../store/meters.ts';
import {
  deleteConnection,
  listEvents,
  listReports,
  readConnection,
  upsertConnection,
} from '../../../../store/openAdr.ts';
import { sealWith } from '../../../../store/seal.ts';
import { readSignals } from '../../../../store/signals.ts';
import { officialSchemas, problemsOf } from '../../../support/openApiSchema.ts';
import { CELL, enrolFleet } from '../../../support/fleetFixture.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';

const { db } = useTestDatabase();
const seal = sealWith('a key for tests');
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MIDNIGHT_MS = Date.parse('2026-02-10T00:00:00Z');
const SECRET = 'the-secret-of-the-ven';

let nowMs = MIDNIGHT_MS;
let vtn: Vtn;
let id = '';
const listened: (string | undefined)[] = [];
const activities = createOpenAdrActivities({
  database: db,
  seal,
  now: () => nowMs,
  listen: (_, offer) => {
    listened.push(offer?.uris[0]);
    return offer ? null : 'not offered';
  },
  limits: { answerLimitRealMs: 500, maxBytes: 200_000 },
});

beforeAll(() => enrolFleet(db, ['car-1', 'car-2']));
beforeEach(async () => {
  nowMs = MIDNIGHT_MS;
  vtn = await Vtn.start({ clientId: 'ven', clientSecret: SECRET });
  vtn.create('programs', { id: 'p1', programName: 'Relief' });
  id = `grid-${randomUUID().slice(0, 8)}`;
  await connect();
});
afterEach(async () => {
  await deleteConnection(db, id);
  await db.query('delete from signals');
  await vtn.close();
});
afterAll(() => db.query('delete from openadr_connections'));

async function connect(over: Record<string, unknown> = {}): Promise<void> {
  const settings = openAdrSettingsSchema.parse({ vtnUrl: vtn.url, regionId: 'oslo', venName: `ven-${id}`, ...over });
  const secrets = { client: { id: 'ven', secret: SECRET }, callbackToken: 'callback-token' };
  await upsertConnection(db, { id, settings, sealed: seal.seal(JSON.stringify(secrets), id) });
}

const sync = () => activities.syncVtn({ connectionId: id });

function limitEvent(kw: number, over: Record<string, unknown> = {}) {
  return {
    programID: 'p1',
    eventName: 'Evening relief',
    intervalPeriod: { start: '2026-02-10T01:00:00Z', duration: 'PT1H' },
    payloadDescriptors: [{ objectType: 'EVENT_PAYLOAD_DESCRIPTOR', payloadType: 'IMPORT_CAPACITY_LIMIT', units: 'KW' }],
    intervals: [{ id: 4, payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [kw] }] }],
    ...over,
  };
}

/** `1-2 9`: hours since midnight, kW. */
async function limits(): Promise<string[]> {
  const window = { startMs: MIDNIGHT_MS - HOUR_MS, endMs: MIDNIGHT_MS + 48 * HOUR_MS };
  return (await readSignals(db, 'oslo', window, ['import_limit'])).map(
    ({ startMs, endMs, value }) => `${(startMs - MIDNIGHT_MS) / HOUR_MS}-${(endMs - MIDNIGHT_MS) / HOUR_MS} ${value}`,
  );
}

async function journal(): Promise<string[]> {
  return (await readJournal(db, CELL.id, 0, 1_000))
    .map(({ message }) => message)
    .filter((message) => message.includes(id));
}

describe('a utility', () => {
  test('is followed: ven and resource are registered, events become signals, changes and cancellations too', async () => {
    const event = vtn.create('events', limitEvent(9));
    expect(await sync()).toMatchObject({
      changed: true,
      status: { events: 1, programs: 1, failure: null, failures: 0 },
    });
    expect(vtn.store.list('vens')).toMatchObject([{ venName: `ven-${id}` }]);
    expect(vtn.store.list('resources')).toMatchObject([
      { resourceName: 'oslo-1', attributes: [{ type: 'MAX_POWER_CONSUMPTION', values: [22] }] },
    ]);
    expect(await limits()).toEqual(['1-2 9']);
    expect(await sync()).toMatchObject({ changed: false });
    expect(vtn.store.list('vens')).toHaveLength(1);

    vtn.update('events', event.id, {
      priority: 1,
      intervals: [{ id: 4, payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [6] }] }],
    });
    expect(await sync()).toMatchObject({ changed: true });
    expect(await limits()).toEqual(['1-2 6']);

    nowMs = MIDNIGHT_MS + 1.5 * HOUR_MS;
    vtn.remove('events', event.id);
    expect(await sync()).toMatchObject({ changed: true, status: { events: 0 } });
    expect(await limits()).toEqual(['1-1.5 6']);
    expect(await journal()).toEqual([
      expect.stringContaining('sends event "Evening relief": IMPORT_CAPACITY_LIMIT 9 KW on oslo-1 from 02:00 to 03:00'),
      expect.stringContaining('changes event "Evening relief"'),
      expect.stringContaining('takes back event'),
    ]);
  });

  test('anchors "now" at first receipt, and again when the event is a new version', async () => {
    const event = vtn.create('events', limitEvent(9, { intervalPeriod: { start: '0001-01-01', duration: 'PT1H' } }));
    await sync();
    nowMs += 30 * MINUTE_MS;
    await sync();
    expect(await limits()).toEqual(['0-1 9']);
    vtn.update('events', event.id, { eventName: 'again' });
    await sync();
    expect((await limits()).at(-1)).toBe('0.5-1.5 9');
  });

  test('is asked for targeted events with the targets that it granted, however many pages there are', async () => {
    await sync();
    const [resource] = vtn.store.list('resources');
    vtn.update('resources', resource?.id ?? '', { targets: ['feeder-7'] });
    for (let hour = 0; hour < 120; hour++) {
      vtn.create(
        'events',
        limitEvent(9, {
          targets: ['feeder-7'],
          intervalPeriod: { start: new Date(MIDNIGHT_MS + hour * HOUR_MS).toISOString(), duration: 'PT30M' },
        }),
      );
    }
    vtn.create('events', limitEvent(1, { targets: ['somebody-else'] }));
    expect(await sync()).toMatchObject({ status: { events: 120 } });
  });

  test('whose server caps pages, or ignores skip, is still walked to the end', async () => {
    for (let count = 0; count < 7; count++) vtn.create('events', limitEvent(9));
    const all = vtn.store.list('events');
    vtn.fault = ({ method, path, query }) =>
      method === 'GET' && path === '/events'
        ? { status: 200, body: all.slice(Number(query.get('skip')), Number(query.get('skip')) + 3) }
        : undefined;
    expect(await sync()).toMatchObject({ status: { events: 7 } });
    vtn.fault = ({ method, path }) => (method === 'GET' && path === '/events' ? { status: 200, body: all } : undefined);
    expect(await sync()).toMatchObject({ status: { events: 7 } });
  });

  test('has one bad event refused with its reason, and the rest taken', async () => {
    vtn.create('events', limitEvent(9));
    vtn.create('events', { programID: 'p1', intervals: [{ id: 'x', payloads: [] }] });
    vtn.create('events', limitEvent(9, { intervalPeriod: { duration: 'PT1H' } }));
    vtn.create(
      'events',
      limitEvent(9, { payloadDescriptors: [{ payLoadType: 'IMPORT_CAPACITY_LIMIT', units: 'KVAR' }] }),
    );
    expect(await sync()).toMatchObject({ status: { refused: 3, failure: null } });
    expect(await limits()).toEqual(['1-2 9']);
    const reasons = (await listEvents(db, CELL.id, 10))
      .map(({ refused }) => refused)
      .filter((reason) => reason !== null);
    expect(reasons).toHaveLength(3);
    for (const words of ['KVAR is not a unit of power', 'intervalPeriod.start', 'intervals.0.id']) {
      expect(reasons).toContainEqual(expect.stringContaining(words));
    }
  });

  test('may send private types: they are ignored, and said once', async () => {
    vtn.create('events', limitEvent(9, { intervals: [{ id: 1, payloads: [{ type: 'x-moon', values: [1] }] }] }));
    await sync();
    await sync();
    expect((await journal()).filter((message) => message.includes('uses x-moon'))).toHaveLength(1);
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
    vtn.create('events', limitEvent(9));
    await sync();
    vtn.fault = down(fault);
    const synced = await sync();
    expect(synced?.status).toMatchObject({ failures: 1, events: 1, failure: expect.any(String), syncedAtMs: nowMs });
    expect(synced?.retryAfterRealMs).toBe(typeof fault === 'object' && fault.headers?.['retry-after'] ? 7_000 : null);
    expect(await limits()).toEqual(['1-2 9']);
    expect(JSON.stringify(synced)).not.toContain(SECRET);
    vtn.fault = () => undefined;
    expect(await sync()).toMatchObject({ status: { failures: 0, failure: null } });
  });

  test('with a page that slips while it is turned loses no event', async () => {
    const event = vtn.create('events', limitEvent(9));
    await sync();
    vtn.fault = down({ status: 200, body: [] });
    await sync();
    expect(await limits()).toEqual(['1-2 9']);
    expect(vtn.asked.some(({ path }) => path === `/events/${event.id}`)).toBe(true);
  });

  test('that forgot the token is asked for one new one; one that forbids is not', async () => {
    const tokens = () => vtn.asked.filter(({ path }) => path === '/auth/token').length;
    await sync();
    expect(tokens()).toBe(1);
    vtn.forgetTokens();
    expect(await sync()).toMatchObject({ status: { failure: null } });
    expect(tokens()).toBe(2);
    vtn.fault = ({ path }) => (path === '/programs' ? { status: 401 } : undefined);
    await sync();
    expect(tokens()).toBe(3);
    vtn.fault = ({ path }) => (path === '/programs' ? { status: 403 } : undefined);
    await sync();
    expect(tokens()).toBe(3);
  });

  test('whose token is about to end is asked for another before it does', async () => {
    await sync();
    nowMs += 0.81 * HOUR_MS;
    await sync();
    expect(vtn.asked.filter(({ path }) => path === '/auth/token')).toHaveLength(2);
  });

  test('that names another host for tokens gets no secret', async () => {
    vtn.fault = ({ path }) =>
      path === '/auth/server' ? { status: 200, body: { tokenURL: 'https://evil.example/token' } } : undefined;
    expect(await sync()).toMatchObject({
      status: { failure: expect.stringContaining('https://evil.example, another host') },
    });
  });

  test('that knows the ven already is reused after 409', async () => {
    let first = true;
    vtn.store.create('vens', { objectType: 'VEN_VEN_REQUEST', venName: `ven-${id}` });
    vtn.fault = ({ method, path }) => {
      const hides = method === 'GET' && path === '/vens' && first;
      if (hides) first = false;
      return hides ? { status: 200, body: [] } : undefined;
    };
    expect(await sync()).toMatchObject({ status: { failure: null } });
    expect(vtn.store.list('vens')).toHaveLength(1);
  });

  test('that has neither vens, subscriptions nor notifiers is followed without them', async () => {
    await connect({ callbackUrl: 'http://127.0.0.1:9' });
    vtn.create('events', limitEvent(9));
    vtn.fault = ({ path }) => (/^\/(vens|resources|subscriptions|notifiers)/.test(path) ? { status: 501 } : undefined);
    expect(await sync()).toMatchObject({
      status: {
        events: 1,
        failure: null,
        webhook: expect.stringContaining('501'),
        mqtt: expect.stringContaining('501'),
      },
    });
  });

  test('that is away for hours keeps its limit in force, and the time after it is not unlimited', async () => {
    vtn.create('events', limitEvent(9));
    await sync();
    vtn.fault = () => ({ status: 503 });
    for (let hour = 1; hour < 4; hour++) {
      nowMs = MIDNIGHT_MS + hour * HOUR_MS;
      expect((await sync())?.status.failures).toBe(hour);
    }
    // Nothing is stated after 02:00: the feeder's fail-safe is then in force.
    expect(await limits()).toEqual(['1-2 9']);
  });
});

const asked = ['USAGE', 'DEMAND', 'BASELINE', 'OPERATING_STATE', 'USAGE_FORECAST'];
const intervals = [3, 8].map((interval) => ({
  id: interval,
  payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [9] }],
}));
const withReports = (descriptors: unknown[]) => limitEvent(9, { intervals, reportDescriptors: descriptors });

/** Cars draw 4 kW before 01:00, 1 kW until 03:00. */
async function drive(untilMs: number): Promise<void> {
  const readings = [];
  for (let atMs = MIDNIGHT_MS - HOUR_MS; atMs <= untilMs; atMs += 15 * MINUTE_MS) {
    const hours = (atMs - MIDNIGHT_MS) / HOUR_MS;
    const kwh = hours <= 1 ? (hours + 1) * 4 : 8 + (hours - 1);
    for (const vehicleId of ['car-1', 'car-2'])
      readings.push({ vehicleId, atMs, chargingKwh: kwh / 4, computeKwh: kwh / 4 });
  }
  await recordMeterReadings(db, CELL, readings);
}
const sent = () => vtn.store.list('reports').map((report) => reportBodySchema.strip().parse(report));
const values = (type: string) =>
  sent()
    .filter(({ payloadDescriptors }) => payloadDescriptors[0]?.payloadType === type)
    .flatMap(({ resources }) => resources)
    .flatMap((resource) =>
      resource.intervals.map(({ id: interval, payloads }) => [resource.resourceName, interval, payloads[0]?.values[0]]),
    );

describe('reports', () => {
  beforeEach(() => db.query('delete from meter_intervals; delete from meter_registers'));

  test('go out for every descriptor, by the event’s interval ids, once, and add up to the meters', async () => {
    const event = vtn.create('events', withReports(asked.map((payloadType) => ({ payloadType }))));
    await sync();
    nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(nowMs);
    await sync();
    await sync();
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
    expect(values('DEMAND')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
    expect(values('BASELINE')).toEqual([
      ['oslo-1', 3, 4],
      ['oslo-1', 8, 4],
    ]);
    expect(values('OPERATING_STATE')).toEqual([
      ['oslo-1', 3, 'RUNNING_CURTAILED'],
      ['oslo-1', 8, 'RUNNING_CURTAILED'],
    ]);
    expect(sent()).toHaveLength(asked.length);
    nowMs = MIDNIGHT_MS + 3.5 * HOUR_MS;
    await sync();
    const [row] = await listEvents(db, CELL.id, 1);
    expect(row?.measured).toMatchObject({
      method: 'naesb_meter_before_meter_after',
      baselineKwh: 8,
      meteredKwh: 2,
      shedKwh: 6,
      responseSeconds: 900,
      cars: [
        { baselineKwh: 4, meteredKwh: 1 },
        { baselineKwh: 4, meteredKwh: 1 },
      ],
    });
    expect(
      (await journal()).some((message) => message.includes('2.0 kWh instead of 8.0 kWh, 6.0 kWh shed by 2 cars')),
    ).toBe(true);
    expect(await listReports(db, id, event.id)).toHaveLength(asked.length);
  });

  test('can be one for each interval, summed over the resources', async () => {
    vtn.create(
      'events',
      withReports([{ payloadType: 'USAGE', aggregate: true, startInterval: 0, numIntervals: 1, repeat: -1 }]),
    );
    await sync();
    await drive(MIDNIGHT_MS + 4 * HOUR_MS);
    nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    await sync();
    expect(values('USAGE')).toEqual([['AGGREGATED_REPORT', 3, 1]]);
    nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await sync();
    expect(values('USAGE')).toEqual([
      ['AGGREGATED_REPORT', 3, 1],
      ['AGGREGATED_REPORT', 8, 1],
    ]);
  });

  test('are corrected when meters come late, by the same report', async () => {
    vtn.create('events', withReports([{ payloadType: 'USAGE' }]));
    await sync();
    nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(MIDNIGHT_MS + 2.5 * HOUR_MS);
    await sync();
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 0.5],
    ]);
    await drive(nowMs);
    await sync();
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
    expect(sent()).toHaveLength(1);
  });

  test('whose answer was lost are not sent twice', async () => {
    vtn.create('events', withReports([{ payloadType: 'USAGE' }]));
    await sync();
    nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(nowMs);
    vtn.fault = ({ method, path, body }) => {
      if (method !== 'POST' || path !== '/reports') return undefined;
      vtn.store.create('reports', body);
      return 'cut';
    };
    expect((await sync())?.status.failure).toContain('/reports');
    vtn.fault = () => undefined;
    await sync();
    expect(sent()).toHaveLength(1);
  });

  test('are caught up after an outage; what was over at first sight comes as one', async () => {
    const each = { payloadType: 'USAGE', startInterval: 0, numIntervals: 1, repeat: -1 };
    nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
    await drive(nowMs);
    vtn.create('events', withReports([each]));
    await sync();
    expect(sent()).toHaveLength(1);
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
  });

  test('of the batteries are answered when they are asked for, with a share from 0 to 1', async () => {
    await db.query(`insert into vehicle_states (vehicle_id, fused, plugged_in, online, soc_percent, updated_at)
      values ('car-1', '{}', true, true, 60, now()), ('car-2', '{}', false, true, 10, now())`);
    const types = [
      'STORAGE_USABLE_CAPACITY',
      'STORAGE_CHARGE_LEVEL',
      'STORAGE_MAX_CHARGE_POWER',
      'STORAGE_MAX_DISCHARGE_POWER',
    ];
    vtn.create('events', {
      programID: 'p1',
      intervalPeriod: { start: '0001-01-01', duration: 'PT0H' },
      reportDescriptors: types.map((payloadType) => ({ payloadType, frequency: 0, reportIntervals: 'OPEN_INTERVALS' })),
    });
    await sync();
    nowMs += 5 * MINUTE_MS;
    await sync();
    expect(types.map((type) => values(type)[0]?.[2])).toEqual([57.5, 0.6, 11, 0]);
  });
});

/** Everything that is sent in a night with every kind of report. */
async function sentBodies() {
  await connect({ callbackUrl: 'http://127.0.0.1:9' });
  const types = ['DEMAND', 'OPERATING_STATE', 'STORAGE_MAX_CHARGE_POWER'];
  const reportDescriptors = types.flatMap((payloadType) => [{ payloadType }, { payloadType, aggregate: true }]);
  vtn.create('events', limitEvent(9, { reportDescriptors }));
  nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
  await sync();
  return vtn.asked.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/auth'));
}

test('everything that goes out has our strict form', async () => {
  const schemas = {
    '/vens': venBodySchema,
    '/resources': resourceBodySchema,
    '/reports': reportBodySchema,
    '/subscriptions': subscriptionBodySchema,
  };
  const bodies = await sentBodies();
  expect(new Set(bodies.map(({ path }) => path))).toEqual(new Set(Object.keys(schemas)));
  for (const { path, body } of bodies) schemas[path as keyof typeof schemas].parse(body);
});

test.skipIf(!officialSchemas)('everything that goes out has the form of the official description', async () => {
  const names: Record<string, string> = {
    '/vens': 'venRequest',
    '/resources': 'resourceRequest',
    '/reports': 'reportRequest',
    '/subscriptions': 'subscriptionRequest',
  };
  for (const { path, body } of await sentBodies()) {
    expect(problemsOf(body, officialSchemas?.[names[path] ?? ''] ?? {})).toEqual([]);
  }
  // The check itself can fail.
  expect(
    problemsOf({ clientName: 'x', eventID: 'no spaces allowed' }, officialSchemas?.['reportRequest'] ?? {}),
  ).toEqual([': lacks resources', '.eventID: no spaces allowed has another pattern']);
});

test('a connection that is removed stops, and secrets sealed with another key do not open', async () => {
  await deleteConnection(db, id);
  expect(await sync()).toBeNull();
  await connect();
  const stored = await readConnection(db, id);
  expect(stored?.sealed).not.toContain(SECRET);
  expect(() => sealWith('another key').open(stored?.sealed ?? '', id)).toThrow('another key');
  expect(() => seal.open(stored?.sealed ?? '', 'another row')).toThrow('another row');
});
