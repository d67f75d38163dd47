import { beforeEach, describe, expect, test } from 'vitest';

import {
  reportBodySchema,
  resourceBodySchema,
  subscriptionBodySchema,
  venBodySchema,
} from '../../../../activities/grid/openadr/outgoing.ts';
import { recordMeterReadings } from '../../../../store/meters.ts';
import { listEvents } from '../../../../store/openAdrEvents.ts';
import { listReports } from '../../../../store/openAdrReports.ts';
import { CELL } from '../../../support/fleetFixture.ts';
import { officialSchemas, problemsOf } from '../../../support/openApiSchema.ts';
import { useTestDatabase } from '../../../support/testDatabase.ts';
import { HOUR_MS, limitEvent, MIDNIGHT_MS, MINUTE_MS, useVen } from './venFixture.ts';

const { database } = useTestDatabase();
const ven = useVen(database);

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
  await recordMeterReadings(database, CELL, readings);
}
const sent = () => ven.vtn.store.list('reports').map((report) => reportBodySchema.strip().parse(report));
const values = (type: string) =>
  sent()
    .filter(({ payloadDescriptors }) => payloadDescriptors[0]?.payloadType === type)
    .flatMap(({ resources }) => resources)
    .flatMap((resource) =>
      resource.intervals.map(({ id: interval, payloads }) => [resource.resourceName, interval, payloads[0]?.values[0]]),
    );

describe('reports', () => {
  beforeEach(() => database.query('delete from meter_intervals; delete from meter_registers'));

  test('go out for every descriptor, by the event’s interval ids, once, and add up to the meters', async () => {
    const event = ven.vtn.create('events', withReports(asked.map((payloadType) => ({ payloadType }))));
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(ven.nowMs);
    await ven.sync();
    await ven.sync();
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
    ven.nowMs = MIDNIGHT_MS + 3.5 * HOUR_MS;
    await ven.sync();
    const [row] = await listEvents(database, CELL.id, 1);
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
      (await ven.journal()).some((message) => message.includes('2.0 kWh instead of 8.0 kWh, 6.0 kWh shed by 2 cars')),
    ).toBe(true);
    expect(await listReports(database, ven.id, event.id)).toHaveLength(asked.length);
  });

  test('can be one for each interval, summed over the resources', async () => {
    ven.vtn.create(
      'events',
      withReports([{ payloadType: 'USAGE', aggregate: true, startInterval: 0, numIntervals: 1, repeat: -1 }]),
    );
    await ven.sync();
    await drive(MIDNIGHT_MS + 4 * HOUR_MS);
    ven.nowMs = MIDNIGHT_MS + 2.2 * HOUR_MS;
    await ven.sync();
    expect(values('USAGE')).toEqual([['AGGREGATED_REPORT', 3, 1]]);
    ven.nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await ven.sync();
    expect(values('USAGE')).toEqual([
      ['AGGREGATED_REPORT', 3, 1],
      ['AGGREGATED_REPORT', 8, 1],
    ]);
  });

  test('are corrected when meters come late, by the same report', async () => {
    ven.vtn.create('events', withReports([{ payloadType: 'USAGE' }]));
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(MIDNIGHT_MS + 2.5 * HOUR_MS);
    await ven.sync();
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 0.5],
    ]);
    await drive(ven.nowMs);
    await ven.sync();
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
    expect(sent()).toHaveLength(1);
  });

  test('whose answer was lost are not sent twice', async () => {
    ven.vtn.create('events', withReports([{ payloadType: 'USAGE' }]));
    await ven.sync();
    ven.nowMs = MIDNIGHT_MS + 3.2 * HOUR_MS;
    await drive(ven.nowMs);
    ven.vtn.fault = ({ method, path, body }) => {
      if (method !== 'POST' || path !== '/reports') return undefined;
      ven.vtn.store.create('reports', body);
      return 'cut';
    };
    expect((await ven.sync())?.status.reportFailure).toContain('/reports');
    ven.vtn.fault = () => undefined;
    await ven.sync();
    expect(sent()).toHaveLength(1);
  });

  test('are caught up after an outage; what was over at first sight comes as one', async () => {
    const each = { payloadType: 'USAGE', startInterval: 0, numIntervals: 1, repeat: -1 };
    ven.nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
    await drive(ven.nowMs);
    ven.vtn.create('events', withReports([each]));
    await ven.sync();
    expect(sent()).toHaveLength(1);
    expect(values('USAGE')).toEqual([
      ['oslo-1', 3, 1],
      ['oslo-1', 8, 1],
    ]);
  });

  test('of the batteries are answered when they are asked for, with a share from 0 to 1', async () => {
    await database.query(`insert into vehicle_states (vehicle_id, fused, plugged_in, online, soc_percent, updated_at)
      values ('car-1', '{}', true, true, 60, now()), ('car-2', '{}', false, true, 10, now())`);
    const types = [
      'STORAGE_USABLE_CAPACITY',
      'STORAGE_CHARGE_LEVEL',
      'STORAGE_MAX_CHARGE_POWER',
      'STORAGE_MAX_DISCHARGE_POWER',
    ];
    ven.vtn.create('events', {
      programID: 'p1',
      intervalPeriod: { start: '0001-01-01', duration: 'PT0H' },
      reportDescriptors: types.map((payloadType) => ({ payloadType, frequency: 0, reportIntervals: 'OPEN_INTERVALS' })),
    });
    await ven.sync();
    ven.nowMs += 5 * MINUTE_MS;
    await ven.sync();
    expect(types.map((type) => values(type)[0]?.[2])).toEqual([57.5, 0.6, 11, 0]);
  });
});

/** Everything that is sent in a night with every kind of report. */
async function sentBodies() {
  await ven.connect({ callbackUrl: 'http://127.0.0.1:9' });
  const types = ['DEMAND', 'OPERATING_STATE', 'STORAGE_MAX_CHARGE_POWER'];
  const reportDescriptors = types.flatMap((payloadType) => [{ payloadType }, { payloadType, aggregate: true }]);
  ven.vtn.create('events', limitEvent(9, { reportDescriptors }));
  ven.nowMs = MIDNIGHT_MS + 5 * HOUR_MS;
  await ven.sync();
  return ven.vtn.asked.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/auth'));
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

test('everything that goes out has the form of the official description', async (context) => {
  context.skip(
    !officialSchemas,
    'OPENADR_YAML names no OpenAPI file of OpenADR 3.1, which is not part of this project',
  );
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
