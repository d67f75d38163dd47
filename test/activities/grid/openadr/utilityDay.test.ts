import { afterAll, describe, expect, test } from 'vitest';

import type { VtnRequest } from '../../../../simulator/vtn/exchange.ts';
import { Vtn } from '../../../../simulator/vtn/vtn.ts';
import { upsertFeeder } from '../../../../store/feeders.ts';
import { openAdrSettingsSchema } from '../../../../domain/openAdr.ts';
import { deleteConnection, readConnection, upsertConnection } from '../../../../store/openAdrConnections.ts';
import { listEventsOf } from '../../../../store/openAdrEvents.ts';
import { sealWith } from '../../../../store/seal.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';
import { HOUR_MS, limitEvent, MIDNIGHT_MS, MINUTE_MS, SECRET, TEST_SEAL, useVen } from './venFixture.ts';

/** What a day against a utility's own server has shown: no limit and no emergency is lost, whatever else goes wrong. */

const { database } = useTestDatabase();
const ven = useVen(database);

const event = async () => (await listEventsOf(database, ven.id, 0))[0];
const answering = (status: number, ...paths: readonly string[]) => {
  ven.vtn.fault = ({ method, path }: VtnRequest) => (method === 'GET' && paths.includes(path) ? { status } : undefined);
};

const limited = (units: string, value: unknown) => ({
  payloadDescriptors: [{ payloadType: 'IMPORT_CAPACITY_LIMIT', units }],
  intervals: [{ id: 0, payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [value] }] }],
});

const grant = (collection: 'vens' | 'resources', name: string, targets: unknown[]) => {
  const found = ven.vtn.store.list(collection).find((each) => Object.values(each).includes(name));
  ven.vtn.update(collection, found?.id ?? '', { targets });
};

const reached = async (targets: unknown[]) => {
  const { id } = ven.vtn.create('events', limitEvent(9, { targets }));
  await ven.sync();
  return (await listEventsOf(database, ven.id, 0)).find(({ eventId }) => eventId === id)?.feederIds;
};

const made = (venName: string, over: Record<string, unknown> = {}) =>
  ven.vtn.store.create('vens', { objectType: 'BL_VEN_REQUEST', venName, targets: ['pre-zone'], ...over });

describe('a payload that cannot be followed', () => {
  const dollars = { payloadType: 'PRICE', units: 'KWH', currency: 'USD' };
  const beside = (type: string, values: unknown[], price: unknown[] = [0.3]) =>
    limitEvent(0, {
      payloadDescriptors: [dollars],
      intervals: [
        {
          id: 0,
          payloads: [
            { type: 'PRICE', values: price },
            { type, values },
          ],
        },
      ],
    });

  test('takes no emergency of the same event with it, and is shown', async () => {
    ven.vtn.create('events', beside('ALERT_GRID_EMERGENCY', ['fire']));
    expect(await ven.sync()).toMatchObject({ changed: true, status: { events: 1, refused: 0 } });
    expect(await ven.limits()).toEqual(['1-2 0']);
    expect(await event()).toMatchObject({
      refused: null,
      refusedPayloads: ['PRICE: no exchange rate is configured for USD'],
    });
    expect((await ven.journal()).filter((line) => line.includes('of event "Evening relief" a payload'))).toHaveLength(
      1,
    );
    // With a rate nothing is refused any more.
    await ven.connect({ eurPer: { USD: 0.9 } });
    await ven.sync();
    expect(await event()).toMatchObject({ refusedPayloads: [] });
  });

  test('takes no limit of the same event with it', async () => {
    ven.vtn.create('events', beside('IMPORT_CAPACITY_LIMIT', [10]));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 10']);
  });

  test.each<[string, unknown]>([
    ['a level that does not exist', { type: 'SIMPLE', values: [4] }],
    ['one that is no object', 'PRICE'],
    ['one whose values are no list', { type: 'PRICE', values: 5 }],
    ['one without a type', { values: [1] }],
  ])('such as %s leaves the emergency', async (_, bad) => {
    const alert = { type: 'ALERT_GRID_EMERGENCY', values: null };
    ven.vtn.create('events', limitEvent(0, { intervals: [{ id: 0, payloads: [bad, alert] }] }));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 0']);
    expect((await event())?.refusedPayloads).toHaveLength(1);
  });

  test('does not take its neighbours among the values of a payload', async () => {
    ven.vtn.create('events', limitEvent(0, { intervals: [{ id: 0, payloads: [{ type: 'SIMPLE', values: [3, 4] }] }] }));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-1.5 0']);
  });

  test('of a report takes no limit with it', async () => {
    ven.vtn.create('events', limitEvent(9, { reportDescriptors: [{ payloadType: 'USAGE', frequency: 'often' }] }));
    const synced = await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 9']);
    expect(synced?.status.reportFailure).toContain('frequency');
  });
});

describe('an update', () => {
  test('in kVA or A is converted by the supply of the feeder', async () => {
    const { id } = ven.vtn.create('events', limitEvent(5));
    await ven.sync();
    ven.vtn.update('events', id, limited('KVA', 4));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 3.8']);
    await upsertFeeder(database, {
      id: 'oslo-1',
      regionId: 'oslo',
      failSafeImportKw: 20,
      phaseVoltageV: 400,
      powerFactor: 1,
    });
    ven.vtn.update('events', id, limited('AMPS', 5));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 6']);
    await upsertFeeder(database, { id: 'oslo-1', regionId: 'oslo', failSafeImportKw: 20 });
  });

  test.each<[string, Record<string, unknown>]>([
    ['a unit that is none of power', limited('KVAR', 5)],
    ['a value that is no number', limited('KW', 'lots')],
    ['an interval that cannot be read', { intervals: [{ id: 'x', payloads: [] }] }],
    ['no place in time', { intervalPeriod: { start: 'soon' } }],
  ])('with %s does not free what is in force, until one can be followed', async (_, bad) => {
    const { id } = ven.vtn.create('events', limitEvent(5));
    await ven.sync();
    ven.vtn.update('events', id, bad);
    expect(await ven.sync()).toMatchObject({ status: { refused: 1, events: 0 } });
    expect(await ven.limits()).toEqual(['1-2 5']);
    // Also when the next one cannot be followed either, and at the next look.
    ven.vtn.update('events', id, { ...bad, eventName: 'again' });
    await ven.sync();
    expect(await ven.sync()).toMatchObject({ changed: false });
    expect(await ven.limits()).toEqual(['1-2 5']);
    ven.vtn.update('events', id, limitEvent(7));
    await ven.sync();
    expect(await ven.limits()).toEqual(['1-2 7']);
    ven.vtn.remove('events', id);
    await ven.sync();
    expect(await ven.limits()).toEqual([]);
  });

  test('to now and no time cancels, and stays so; a server that fills that in everywhere cancels nothing', async () => {
    const now = { start: '0001-01-01T00:00:00Z', duration: 'PT30M' };
    const { id } = ven.vtn.create('events', limitEvent(9, { intervalPeriod: now }));
    const filled = ven.vtn.create('events', limitEvent(8, { intervalPeriod: now, duration: 'PT0S' }));
    await ven.sync();
    expect(await ven.limits()).toEqual(['0-0.5 8']);
    ven.nowMs += 15 * MINUTE_MS;
    ven.vtn.update('events', filled.id, { eventName: 'changed' });
    ven.vtn.update('events', id, { duration: 'PT0S' });
    await ven.sync();
    expect(await ven.limits()).toEqual(['0-0.25 8', '0.25-0.75 8']);
    expect((await ven.journal()).filter((line) => line.includes('cancels event'))).toHaveLength(1);
    ven.vtn.remove('events', filled.id);
    ven.vtn.update('events', id, { eventName: 'still cancelled' });
    await ven.sync();
    expect((await ven.limits()).every((limit) => limit.startsWith('0-'))).toBe(true);
    expect(await ven.sync()).toMatchObject({ changed: false, status: { events: 0 } });
  });
});

describe('a server that restarts', () => {
  test('and answers an old token with 403 is followed on', async () => {
    const vtn = await Vtn.start({ clientId: 'ven', clientSecret: SECRET, unknownTokenStatus: 403 });
    try {
      vtn.create('programs', { id: 'p1', programName: 'Relief' });
      await ven.connect({ vtnUrl: vtn.url });
      await ven.sync();
      vtn.forgetTokens();
      vtn.create('events', limitEvent(9));
      expect(await ven.sync()).toMatchObject({ changed: true, status: { failure: null, registrationFailure: null } });
      expect(await ven.limits()).toEqual(['1-2 9']);
    } finally {
      await vtn.close();
    }
  });
});

const two = async () => {
  await upsertFeeder(database, { id: 'oslo-2', regionId: 'oslo', failSafeImportKw: 20 });
  await ven.sync();
  grant('resources', 'oslo-1', ['zone-a']);
  grant('resources', 'oslo-2', ['zone-n']);
  grant('vens', `ven-${ven.id}`, ['whole']);
};

describe('grants', () => {
  afterAll(() => database.query(`delete from feeders where id = 'oslo-2'`));

  test.each([
    [403, ['/vens']],
    [404, ['/vens']],
    [404, ['/resources']],
    [500, ['/vens']],
  ])('are kept while a server answers %i at %s, and it is said', async (status, paths) => {
    await two();
    ven.vtn.create('events', limitEvent(2, { targets: ['zone-n'], priority: 5 }));
    ven.vtn.create('events', limitEvent(50, { targets: ['zone-a'], priority: 1 }));
    await ven.sync();
    const before = await ven.limits();
    expect(before.toSorted()).toEqual(['1-2 2', '1-2 50']);
    answering(status, ...paths);
    ven.vtn.create('events', limitEvent(1, { targets: ['zone-n'], priority: 0 }));
    expect(await ven.sync()).toMatchObject({
      isAway: false,
      status: { failure: null, registrationFailure: expect.stringContaining(String(status)) },
    });
    expect((await ven.limits()).toSorted()).toEqual(['1-2 1', '1-2 50']);
    ven.vtn.fault = () => undefined;
    expect(await ven.sync()).toMatchObject({ status: { registrationFailure: null } });
    expect((await ven.journal()).filter((line) => line.includes('targets are as they were'))).toHaveLength(1);
  });

  test('of the ven reach all of its resources, those of a resource that one, both the union', async () => {
    await two();
    expect(await reached(['zone-n'])).toEqual(['oslo-2']);
    expect(await reached(['zone-a', 'zone-n'])).toEqual(['oslo-1', 'oslo-2']);
    expect(await reached(['zone-n', 'whole'])).toEqual(['oslo-1', 'oslo-2']);
    expect(await reached([])).toEqual(['oslo-1', 'oslo-2']);
  });

  test('may be written as OpenADR 3.0 does', async () => {
    await two();
    grant('resources', 'oslo-2', [{ type: 'GROUP', values: ['zone-n', 'zone-x'] }]);
    ven.vtn.fault = ({ method, path, query }) => {
      const sent = limitEvent(3, { id: 'old', targets: [{ type: 'GROUP', values: ['zone-x'] }] });
      return method === 'GET' && path === '/events'
        ? { status: 200, body: Number(query.get('skip')) ? [] : [sent] }
        : undefined;
    };
    await ven.sync();
    expect((await listEventsOf(database, ven.id, 0))[0]?.feederIds).toEqual(['oslo-2']);
  });

  test('are asked for one by one only where the server does not show targeted events unasked', async () => {
    await two();
    const walks = () => ven.vtn.asked.filter(({ path, query }) => path === '/events' && query.has('targets')).length;
    await ven.sync();
    expect(walks()).toBeGreaterThan(0);
    const before = walks();
    const body = [limitEvent(3, { id: 'e', targets: ['zone-n'] })];
    ven.vtn.fault = ({ method, path }) => (method === 'GET' && path === '/events' ? { status: 200, body } : undefined);
    await ven.sync();
    expect(walks()).toBe(before);
  });
});

describe('a ven that the utility has made', () => {
  test('for our client is used', async () => {
    made('Parkhaus Berlin 7', { clientID: 'ven' });
    made('Parkhaus Berlin 8', { clientID: 'somebody else' });
    ven.vtn.create('events', limitEvent(9, { targets: ['pre-zone'] }));
    expect(await ven.sync()).toMatchObject({ status: { failure: null, registrationFailure: null, events: 1 } });
    expect(ven.vtn.store.list('vens')).toHaveLength(2);
    expect((await readConnection(database, ven.id))?.registered).toMatchObject({
      venName: 'Parkhaus Berlin 7',
      isOurs: false,
    });
    const { length } = ven.vtn.asked;
    await ven.sync();
    const again = ven.vtn.asked.slice(length).filter(({ path }) => path === '/vens');
    expect(again.every(({ query }) => query.get('venName') === 'Parkhaus Berlin 7')).toBe(true);
  });

  test('without telling whose it is, is used where we may not make another', async () => {
    made('Parkhaus');
    ven.vtn.fault = ({ method, path }) => (method === 'POST' && path === '/vens' ? { status: 409 } : undefined);
    expect(await ven.sync()).toMatchObject({ status: { registrationFailure: null } });
    expect((await readConnection(database, ven.id))?.registered?.venName).toBe('Parkhaus');
  });

  test('for another connection of ours is not used twice', async () => {
    await ven.sync();
    const other = `${ven.id}-other`;
    const first = await readConnection(database, ven.id);
    const sealed = TEST_SEAL.seal(TEST_SEAL.open(first?.sealed ?? '', ven.id), other);
    const settings = openAdrSettingsSchema.parse({ ...first?.settings, venName: other });
    await upsertConnection(database, { id: other, settings, sealed });
    await ven.sync(other);
    expect(ven.vtn.store.list('vens')).toMatchObject([{ venName: `ven-${ven.id}` }, { venName: other }]);
    await deleteConnection(database, other);
  });

  test('among several is to be named', async () => {
    made('A', { clientID: 'ven' });
    made('B', { clientID: 'ven' });
    expect((await ven.sync())?.status.registrationFailure).toContain('has 2 vens for us, "A", "B"');
    await ven.connect({ venName: 'B' });
    expect(await ven.sync()).toMatchObject({ status: { registrationFailure: null } });
  });
});

test('an event that ended days ago and is still listed is no news at every look', async () => {
  ven.vtn.create(
    'events',
    limitEvent(9, { intervalPeriod: { start: new Date(MIDNIGHT_MS - 74 * HOUR_MS).toISOString(), duration: 'PT1H' } }),
  );
  for (let poll = 0; poll < 4; poll++) {
    await ven.sync();
    ven.nowMs += 5_000;
  }
  expect(await ven.journal()).toHaveLength(1);
});

test('following fewer programs releases their events, but not those of a program that is hidden for a moment', async () => {
  ven.vtn.create('programs', { id: 'p2', programName: 'Other' });
  ven.vtn.create('events', limitEvent(9));
  ven.vtn.create('events', limitEvent(5, { programID: 'p2' }));
  await ven.sync();
  expect(await ven.limits()).toEqual(['1-2 5']);
  await ven.connect({ programs: ['Other'] });
  ven.vtn.fault = ({ path }) => (path === '/programs' ? { status: 200, body: [] } : undefined);
  expect(await ven.sync()).toMatchObject({ status: { events: 2 } });
  ven.vtn.fault = () => undefined;
  expect(await ven.sync()).toMatchObject({ status: { events: 1, programs: 1 } });
  expect(await ven.journal()).toContainEqual(
    expect.stringContaining('its program "Relief" is not one of those to follow'),
  );
  await ven.connect({ programs: ['Relief'] });
  await ven.sync();
  expect(await ven.limits()).toEqual(['1-2 9']);
});

test('sites of one server start at random times of their own', async () => {
  const starts = new Set<number | null | undefined>();
  ven.vtn.create(
    'events',
    limitEvent(9, { intervalPeriod: { start: '2026-02-10T01:00:00Z', duration: 'PT1H', randomizeStart: 'PT30M' } }),
  );
  for (const venName of ['site-a', 'site-b', 'site-c']) {
    ven.vtn.store.create('vens', { objectType: 'VEN_VEN_REQUEST', venName });
    await ven.connect({ venName });
    await ven.sync();
    ven.vtn.update('events', ven.vtn.store.list('events')[0]?.id ?? '', { eventName: venName });
    await ven.sync();
    starts.add((await event())?.startMs);
  }
  expect(starts.size).toBe(3);
});

describe('a connection that is removed', () => {
  test('takes what we made at the server with it, and leaves what the utility made', async () => {
    await ven.sync();
    expect(ven.vtn.store.list('vens')).toHaveLength(1);
    await database.query('update openadr_connections set removing = true where id = $1', [ven.id]);
    expect(await ven.sync()).toBeNull();
    expect([ven.vtn.store.list('vens'), ven.vtn.store.list('resources')]).toEqual([[], []]);
    expect(await readConnection(database, ven.id)).toBeUndefined();
  });

  test('is removed also when its credentials cannot be opened', async () => {
    await database.query(`update openadr_connections set removing = true, sealed = $2 where id = $1`, [
      ven.id,
      sealWith('another key').seal('{}', ven.id),
    ]);
    expect(await ven.sync()).toBeNull();
    expect(await readConnection(database, ven.id)).toBeUndefined();
  });

  test('is removed also when the server does not let go, which is told', async () => {
    await ven.sync();
    ven.vtn.fault = () => ({ status: 503 });
    await database.query('update openadr_connections set removing = true where id = $1', [ven.id]);
    expect(await ven.sync()).toBeNull();
    expect(await readConnection(database, ven.id)).toBeUndefined();
    expect(await ven.journal()).toContainEqual(expect.stringContaining('could not be removed'));
  });
});
