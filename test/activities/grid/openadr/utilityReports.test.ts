import { describe, expect, test } from 'vitest';

import { impliedOccurrences } from '../../../../activities/grid/openadr/impliedIntervals.ts';
import { wireEventSchema } from '../../../../activities/grid/openadr/wire.ts';
import { markNotified, readConnection } from '../../../../store/openAdrConnections.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';
import { HOUR_MS, limitEvent, MIDNIGHT_MS, MINUTE_MS, useVen } from './venFixture.ts';

const { database } = useTestDatabase();
const ven = useVen(database);

const reportNames = () => ven.vtn.store.list('reports').map(({ reportName }) => String(reportName));

describe('a report', () => {
  const asked = limitEvent(9, { reportDescriptors: [{ payloadType: 'USAGE', aggregate: true }] });

  test('has our ven in its name, so that two vens at one server do not clash', async () => {
    ven.vtn.create('events', asked);
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    await ven.sync();
    const { venId } = (await readConnection(database, ven.id))?.registered ?? {};
    expect(reportNames()).toEqual([expect.stringMatching(new RegExp(`^${venId}/event-`))]);
  });

  test('that is there already is looked for and corrected', async () => {
    ven.vtn.create('events', asked);
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    ven.vtn.fault = ({ method, path, body }) => {
      if (method !== 'POST' || path !== '/reports') return undefined;
      // As a server that took it and lost its answer, for whoever asks without looking first.
      if (ven.vtn.store.list('reports').length === 0) ven.vtn.store.create('reports', body);
      return { status: 409 };
    };
    expect(await ven.sync()).toMatchObject({ status: { reportFailure: null, reportFailures: 0 } });
    expect(ven.vtn.asked.some(({ method, path }) => method === 'PUT' && path.startsWith('/reports/'))).toBe(true);
  });

  test('that is refused for good is counted apart from reading events', async () => {
    ven.vtn.create('events', asked);
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    ven.vtn.fault = ({ method, path }) => (method === 'POST' && path === '/reports' ? { status: 409 } : undefined);
    for (const reportFailures of [1, 2, 3]) {
      expect(await ven.sync()).toMatchObject({ isAway: false, status: { failures: 0, failure: null, reportFailures } });
    }
    ven.vtn.fault = ({ path }) => (path === '/events' ? { status: 500 } : undefined);
    expect(await ven.sync()).toMatchObject({ isAway: true, status: { failures: 1 } });
  });
});

const request = (start: string, descriptor: Record<string, unknown>) => ({
  programID: 'p1',
  intervalPeriod: { start, duration: 'PT1H' },
  reportDescriptors: [descriptor],
});

describe('an event without intervals', () => {
  const rolling = {
    payloadType: 'USAGE',
    startInterval: 0,
    numIntervals: 3,
    historical: false,
    frequency: 1,
    repeat: -1,
  };

  test('implies them: as long as its period, as many as are asked for, with ids of ours', () => {
    const event = wireEventSchema.parse({ id: 'e', ...request('2026-02-10T00:00:00Z', { ...rolling, repeat: 2 }) });
    const [descriptor] = event.reportDescriptors;
    if (!descriptor) throw new Error('it has one');
    const held = { event, programDescriptors: [], anchorMs: 0, seed: 's', referenceKw: null, feeders: [] };
    const { occurrences, total } = impliedOccurrences(held, descriptor, MIDNIGHT_MS, MIDNIGHT_MS + MINUTE_MS);
    expect(total).toBe(4);
    expect(occurrences.map(({ intervalId, startMs }) => [intervalId, (startMs - MIDNIGHT_MS) / HOUR_MS])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('has a rolling forecast sent each time, of those that are overdue the newest', async () => {
    ven.vtn.create('events', request('2026-02-09T00:00:00Z', rolling));
    ven.nowMs = MIDNIGHT_MS + 10 * MINUTE_MS;
    expect(await ven.sync()).toMatchObject({ nextReportMs: MIDNIGHT_MS + HOUR_MS });
    expect(reportNames()).toEqual([expect.stringMatching(/\/24$/)]);
    ven.nowMs = MIDNIGHT_MS + HOUR_MS;
    await ven.sync();
    expect(reportNames()).toEqual([expect.stringMatching(/\/24$/), expect.stringMatching(/\/25$/)]);
    await ven.sync();
    expect(reportNames()).toHaveLength(2);
  });
});

test('a webhook counts as working when a notification has arrived', async () => {
  await ven.connect({ callbackUrl: 'http://127.0.0.1:9' });
  ven.vtn.store.create('subscriptions', {
    clientName: `ven-${ven.id}`,
    objectOperations: [{ objects: ['EVENT'], callbackUrl: `http://127.0.0.1:9/grid/v1/openadr/${ven.id}/callback` }],
  });
  expect((await ven.sync())?.status.webhook).toBe('subscribed, but nothing has arrived yet');
  await markNotified(database, ven.id, MIDNIGHT_MS);
  expect((await ven.sync())?.status.webhook).toBeNull();
});

test('a token place of the same machine under another name is allowed', async () => {
  const localhost = ven.vtn.url.replace('127.0.0.1', 'localhost');
  ven.vtn.fault = ({ path }) =>
    path === '/auth/server' ? { status: 200, body: { tokenURL: `${localhost}/auth/token` } } : undefined;
  const { status } = (await ven.sync()) ?? {};
  expect(status?.failure ?? '').not.toContain('another host');
});
