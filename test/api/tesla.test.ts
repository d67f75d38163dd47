import { expect, test } from 'vitest';
import { readTeslaTokens, saveTeslaCar } from '../../store/teslaCars.ts';
import { sealWith } from '../../store/seal.ts';
import { enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const VIN = '5YJ3E1EA7JF000001';
const AT_A_CHARGER = '5YJ3E1EA7JF000002';
const TOKEN = 'refresh-0123456789abcdef';
const { database } = useTestDatabase();
const api = useApi(database);

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(`${api.server.url}/fleet/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${api.ports.apiKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

test('accounts are linked with a token that is kept sealed, and cars are told by commands', async () => {
  await enrolFleet(database, [VIN, AT_A_CHARGER]);
  expect((await call('PUT', `tesla/cars/${VIN}`, { account: 'ada' })).json).toMatchObject({
    error: { param: 'account' },
  });
  expect((await call('PUT', 'tesla/accounts/ada', { refresh_token: 'short' })).json).toMatchObject({
    error: { param: 'refresh_token' },
  });
  expect((await call('PUT', 'tesla/accounts/ada', { refresh_token: TOKEN })).json).toEqual({ id: 'ada' });
  const [row] = await database.query<{ sealed: string }>('select sealed from tesla_accounts');
  expect(row?.sealed).not.toContain(TOKEN);
  expect(await readTeslaTokens(database, api.ports.seal, 'ada')).toContain(TOKEN);
  await expect(readTeslaTokens(database, sealWith('another key of somebody else'), 'ada')).rejects.toMatchObject({
    code: 'invalid_config',
  });

  const put = await call('PUT', `tesla/cars/${VIN}`, { account: 'ada', max_amps: 24 });
  expect(put.json).toMatchObject({ vin: VIN, max_amps: 24, told_amps: null, usd_this_month: 0, problems: [] });
  await saveTeslaCar(database, VIN, { problems: { orders: 'The car refuses our key.', telemetry: null } });
  expect((await call('GET', 'tesla')).json).toMatchObject({
    accounts: [{ id: 'ada' }],
    cars: [{ vin: VIN, problems: ['The car refuses our key.'] }],
  });
  expect((await call('PUT', 'tesla/cars/not-a-vin', { account: 'ada' })).json).toMatchObject({
    error: { param: 'vin' },
  });
});

test('a car is charged by one: its charger, or commands', async () => {
  const byCharger = await call('PUT', 'chargers/CP1', { feeder: 'oslo-1', car: AT_A_CHARGER });
  expect(byCharger.status).toBe(200);
  const both = await call('PUT', `tesla/cars/${AT_A_CHARGER}`, { account: 'ada' });
  expect(both.json).toMatchObject({ error: { param: 'vin', message: expect.stringContaining('CP1') } });
  const other = await call('PUT', 'chargers/CP2', { feeder: 'oslo-1', car: VIN });
  expect(other.json).toMatchObject({ error: { param: 'car', message: expect.stringContaining('Tesla') } });
});

test('cars and accounts are removed, with what hangs on them', async () => {
  expect((await call('DELETE', `tesla/cars/${VIN}`)).json).toEqual({ vin: VIN, removed: true });
  expect((await call('DELETE', `tesla/cars/${VIN}`)).status).toBe(404);
  await call('PUT', `tesla/cars/${VIN}`, { account: 'ada' });
  expect((await call('DELETE', 'tesla/accounts/ada')).json).toEqual({ id: 'ada', removed: true });
  expect((await call('GET', 'tesla')).json).toEqual({ accounts: [], cars: [] });
});
