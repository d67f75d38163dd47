import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { newPlug } from '../../charging/chargerBridge.ts';
import { NEW_PLUG_METER } from '../../charging/plugMeter.ts';
import { admitChargePoint, listForeignLoads, saveChargerPlug } from '../../store/chargePoints.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(`${api.server.url}/fleet/v1/chargers${path}`, {
    method,
    headers: { authorization: `Bearer ${api.ports.apiKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

const sha256 = (text: unknown): string => createHash('sha256').update(String(text)).digest('hex');

test('chargers are added, changed, listed and removed; their password is shown once and kept as a hash', async () => {
  await enrolFleet(database, ['A', 'B']);
  const [{ feederId } = { feederId: '' }] = await database.query<{ feederId: string }>(
    'select feeder_id as "feederId" from vehicles limit 1',
  );
  const made = await call('PUT', '/CP1', { feeder: feederId, car: 'A' });
  expect(made).toMatchObject({
    status: 200,
    json: { id: 'CP1', car: 'A', plug: 1, phases: 3, online: false, plug_state: 'unknown' },
  });
  const { password } = made.json;
  expect(await admitChargePoint(database, 'CP1', sha256(password))).toMatchObject([{ plug: 1, vehicleId: 'A' }]);
  expect(await admitChargePoint(database, 'CP1', sha256('wrong'))).toEqual([]);

  const changed = await call('PUT', '/CP1', { feeder: feederId, car: 'A', max_amps: 32 });
  expect(changed.json).toMatchObject({ max_amps: 32, password: null });
  expect(await admitChargePoint(database, 'CP1', sha256(password))).toHaveLength(1);
  const renewed = await call('PUT', '/CP1', { feeder: feederId, car: 'A', new_password: true });
  expect(await admitChargePoint(database, 'CP1', sha256(password))).toEqual([]);
  expect(await admitChargePoint(database, 'CP1', sha256(renewed.json['password']))).toHaveLength(1);

  expect((await call('PUT', '/CP2', { feeder: feederId, car: 'A' })).json).toMatchObject({ error: { param: 'car' } });
  expect((await call('PUT', '/CP2', { feeder: 'nowhere' })).json).toMatchObject({ error: { param: 'feeder' } });
  expect((await call('PUT', '/CP2', { feeder: feederId, max_amps: 3 })).json).toMatchObject({
    error: { param: 'max_amps' },
  });

  expect((await call('GET', '')).json).toMatchObject({ chargers: [{ id: 'CP1' }] });
  expect((await call('DELETE', '/CP1')).json).toEqual({ id: 'CP1', removed: true });
  expect((await call('DELETE', '/CP1')).status).toBe(404);
});

test('a charger has several plugs, each with its own car, under one password', async () => {
  await enrolFleet(database, ['A', 'B']);
  const [{ feederId } = { feederId: '' }] = await database.query<{ feederId: string }>(
    'select feeder_id as "feederId" from vehicles limit 1',
  );
  const { password } = (await call('PUT', '/TWO', { feeder: feederId, car: 'A' })).json;
  const second = await call('PUT', '/TWO', { feeder: feederId, car: 'B', plug: 2, phases: 1 });
  expect(second.json).toMatchObject({ id: 'TWO', plug: 2, car: 'B', phases: 1, password: null });
  const plugs = await admitChargePoint(database, 'TWO', sha256(password));
  expect(plugs.map(({ plug, vehicleId }) => [plug, vehicleId])).toEqual([
    [1, 'A'],
    [2, 'B'],
  ]);
  expect((await call('PUT', '/TWO', { feeder: feederId, car: 'A', plug: 3 })).json).toMatchObject({
    error: { param: 'car' },
  });
  expect((await call('PUT', '/TWO', { feeder: feederId, plug: 0 })).json).toMatchObject({ error: { param: 'plug' } });
  expect((await call('DELETE', '/TWO?plug=2')).status).toBe(200);
  expect((await call('DELETE', '/TWO?plug=2')).status).toBe(404);
  expect(await admitChargePoint(database, 'TWO', sha256(password))).toHaveLength(1);
  expect((await call('DELETE', '/TWO')).status).toBe(200);
  expect((await call('GET', '')).json).toMatchObject({ chargers: [] });
});

test('a car that is not enrolled is load on the feeder of its charger, at least what the fail-safe lets it draw', async () => {
  const [{ feederId } = { feederId: '' }] = await database.query<{ feederId: string }>(
    'select feeder_id as "feederId" from vehicles limit 1',
  );
  await call('PUT', '/OPEN', { feeder: feederId });
  const plug = newPlug(NEW_PLUG_METER);
  const guest = { ...plug, isForeign: true, connector: { ...plug.connector, online: true, powerKw: 0 } };
  await saveChargerPlug(database, { chargePointId: 'OPEN', plug: 1 }, { state: guest, chargingKwh: 0, computeKwh: 0 });
  expect((await listForeignLoads(database, CELL.id)).get(feederId)).toBeCloseTo(4.14);
  const charging = { ...guest, connector: { ...guest.connector, powerKw: 11 } };
  await saveChargerPlug(
    database,
    { chargePointId: 'OPEN', plug: 1 },
    { state: charging, chargingKwh: 0, computeKwh: 0 },
  );
  expect((await listForeignLoads(database, CELL.id)).get(feederId)).toBe(11);
});
