import { beforeAll, expect, test } from 'vitest';

import { quarantine } from '../../activities/trust/quarantine.ts';
import { DEFAULT_CHECK_POLICY } from '../../domain/trust/checkPolicy.ts';
import { judged } from '../../domain/trust/reputation.ts';
import { addEnrolmentCode, carOfKey, exchangeEnrolmentCode } from '../../store/carKeys.ts';
import { updateReputation } from '../../store/reputations.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { cli } from '../cli/cliRun.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let ownerKey = '';

beforeAll(async () => {
  const made = await api.fetch('/fleet/v1/owners/owner-of-car-1/keys', { method: 'POST' });
  ownerKey = ((await made.json()) as Json).key;
});

const post = (path: string, body: unknown, key?: string): Promise<Response> =>
  api.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
  });

const set = (body: unknown) =>
  api.fetch('/fleet/v1/check_policies', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const run = (...args: string[]) => cli(...args, '--url', api.server.url, '--key', 'test-key');

async function caught(vehicleId: string): Promise<void> {
  const vehicle = await readVehicle(database, vehicleId);
  if (!vehicle) throw new Error('no such car');
  const key = { vehicleId, modelFamily: 'general', hardwareClass: 'ai4' };
  await database.transaction(async (tx) => {
    await updateReputation(tx, key, (before) => judged(before, { checked: 9, differing: 9 }, DEFAULT_CHECK_POLICY));
    await quarantine(tx, vehicle, { jobId: 'batch_1', shard: 3, checked: 9, differing: [0, 1, 2] }, 5_000);
  });
}

test('an owner sees why a car is in quarantine, appeals, and the operator decides', async () => {
  await caught('car-1');
  const code = await addEnrolmentCode(database, 'car-1', Date.now() + 60_000);
  const key = (await exchangeEnrolmentCode(database, code, Date.now()))?.key ?? '';
  expect(await carOfKey(database, key)).toMatchObject({ vehicleId: 'car-1', quarantined: true });
  const why = await api.getJson('/fleet/v1/vehicles/car-1/why');
  expect(why).toMatchObject({ heldBy: 'safety' });
  expect(JSON.stringify(why.claims)).toContain('shard 3 of batch_1');
  expect((await post('/fleet/v1/vehicles/car-2/appeal', { text: 'not mine' }, ownerKey)).status).toBe(404);
  expect((await post('/fleet/v1/vehicles/car-1/appeal', { text: '' }, ownerKey)).status).toBe(400);
  const appealed = await post('/fleet/v1/vehicles/car-1/appeal', { text: 'Its memory was changed.' }, ownerKey);
  expect(await appealed.json()).toMatchObject({
    standing: 'quarantine',
    reputations: [{ modelFamily: 'general', validInRow: 0, checkedLines: 9, differingLines: 9 }],
    quarantines: [{ appeal: 'Its memory was changed.', endedAtMs: null, evidence: { shard: 3 } }],
  });
  expect((await post('/fleet/v1/vehicles/car-1/quarantine', { text: 'mine', release: true }, ownerKey)).status).toBe(
    401,
  );

  const { quarantines } = await api.getJson('/fleet/v1/quarantines');
  expect(quarantines).toMatchObject([{ vehicleId: 'car-1', appeal: 'Its memory was changed.' }]);
  const upheld = await post('/fleet/v1/vehicles/car-1/quarantine', { text: 'Prove it.', release: false });
  expect(await upheld.json()).toMatchObject({ standing: 'quarantine', quarantines: [{ resolution: 'Prove it.' }] });
  const released = await post('/fleet/v1/vehicles/car-1/quarantine', { text: 'It was the memory.', release: true });
  expect(await released.json()).toMatchObject({
    standing: 'new',
    reputations: [],
    quarantines: [{ appeal: expect.anything() }],
  });
  expect(await api.getJson('/fleet/v1/vehicles/car-1/why')).not.toMatchObject({ heldBy: 'safety' });
  expect((await post('/fleet/v1/vehicles/car-1/appeal', { text: 'again' }, ownerKey)).status).toBe(409);
});

test('the operator sets how answers are checked, and is told what it costs and what is wrong', async () => {
  const policy = { ...DEFAULT_CHECK_POLICY, line_share: 0.5, min_probability: 0.1 };
  expect(await (await set({ model: 'm', policy })).json()).toMatchObject({
    policies: [{ tenant: null, model: 'm', policy, cost: { probation: 0.5, standing: 0.05 } }],
    default: DEFAULT_CHECK_POLICY,
  });
  const refused = await set({ model: 'm', policy: { ...policy, line_share: 2 } });
  expect(refused.status).toBe(400);
  expect(((await refused.json()) as Json).error.param).toBe('policy.line_share');
  const nowhere = await set({ model: 'm', policy: { ...policy, checked_in: 'nowhere' } });
  expect(nowhere.status).toBe(400);
  expect(((await nowhere.json()) as Json).error.param).toBe('policy.checked_in');
  const mixed = { ...policy, canary_share: 0.01, checked_in: CELL.id };
  expect(await (await set({ tenant: 'lab', model: 'm', policy: mixed })).json()).toMatchObject({
    policies: [{}, { tenant: 'lab', model: 'm', policy: mixed, cost: { probation: 0.51, standing: 0.06 } }],
  });
  expect((await set({ tenant: 'lab', model: 'm', policy: null })).status).toBe(200);
  expect(await (await set({ model: 'm', policy: null })).json()).toMatchObject({ policies: [] });
});

test('the command line does the same', async () => {
  await caught('car-2');
  expect((await run('trust', 'list')).out).toContain('car-2  3 of 9 answers of shard 3 of batch_1');
  expect((await run('car', 'appeal', 'car-2', 'It is new.')).out).toContain('its owner says: It is new.');
  expect((await run('car', 'trust', 'car-2')).out).toContain('in quarantine: it gets no work');
  expect((await run('trust', 'release', 'car-2', 'Well.')).out).toContain('the operator says: Well.');
  expect((await run('trust', 'policy')).out).toContain('"min_probability": 0.4');
});
