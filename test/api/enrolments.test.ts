import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listFeeders } from '../../store/feeders.ts';
import { addModel } from '../../store/models.ts';
import { listClassSpeeds, seedClassSpeed } from '../../store/classSpeeds.ts';
import { closeParkingSession, openParkingSession, settleParkingSession } from '../../store/parkingSessions.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { exchangeCode, readAgentSettings } from '../../agent/carDoors.ts';
import { temporaryFolder } from '../car/shard/support/testCar.ts';
import { cli } from '../cli/cliRun.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const ENROLMENT = {
  id: 'VIN-NEW',
  feeder: 'oslo-1',
  owner: 'kari',
  displayName: 'Kari’s ID.4',
  carModel: 'id4',
  hardwareClass: 'ai4',
  batteryKwh: 77,
  charger: { maxKw: 11, minKw: 4.14, efficiency: 0.9 },
  policy: {
    readyBy: '07:00',
    timeZone: 'Europe/Oslo',
    targetSocPercent: 80,
    minimumSocPercent: 30,
    computeSocFloorPercent: 40,
    computeOptIn: true,
    consent: { termsVersion: '2026-01', givenAtMs: 0 },
  },
};

function send(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return api.fetch(path, { method, ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }) });
}

async function said(subject: string): Promise<string[]> {
  const lines = await database.query<{ message: string }>(
    `select message from journal where cell_id = $1 and subject = $2 order by seq`,
    [CELL.id, subject],
  );
  return lines.map(({ message }) => message);
}

describe('enrolment at run time', () => {
  test('enrols, changes and removes a car, each with a line in the journal', async () => {
    const { code } = (await (await send('POST', '/fleet/v1/enrolments', ENROLMENT)).json()) as Json;
    const { key } = await exchangeCode(api.server.url, code);
    const credentials = { apiUrl: api.server.url, carId: 'VIN-NEW', key };
    expect(await readAgentSettings(credentials)).toMatchObject({ region_id: 'oslo', hardware_class: 'ai4' });
    await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, hardwareClass: 'ai5' });
    // The agent's key outlives a change.
    expect(await readAgentSettings(credentials)).toMatchObject({ hardware_class: 'ai5' });

    expect((await send('DELETE', '/fleet/v1/vehicles/VIN-NEW')).status).toBe(200);
    expect(await readVehicle(database, 'VIN-NEW')).toBeUndefined();
    await expect(readAgentSettings(credentials)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(await said('VIN-NEW')).toEqual([
      'Kari’s ID.4 is enrolled on oslo-1, class ai4, owner kari',
      'Kari’s ID.4 is enrolled anew: hardwareClass ai4 → ai5',
      'Kari’s ID.4 is removed; its key no longer works',
    ]);
    expect((await send('DELETE', '/fleet/v1/vehicles/VIN-NEW')).status).toBe(404);
  });

  test('takes the place of its plug, its own or that of its feeder, and refuses one that is none', async () => {
    const site = { latitude: 59.91, longitude: 10.75, radiusMeters: 200 };
    const region = { timeZone: 'Europe/Oslo', feeds: [], feeders: [{ id: 'oslo-9', failSafeImportKw: 9, site }] };
    expect((await send('PUT', '/fleet/v1/regions/oslo', region)).status).toBe(200);
    await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, id: 'VIN-PLACED', feeder: 'oslo-9' });
    expect(await readVehicle(database, 'VIN-PLACED')).toMatchObject({ site });
    const own = { latitude: 59.9, longitude: 10.7 };
    await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, id: 'VIN-PLACED', feeder: 'oslo-9', site: own });
    expect(await readVehicle(database, 'VIN-PLACED')).toMatchObject({ site: { ...own, radiusMeters: 150 } });
    const wrong = await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, site: { latitude: 95, longitude: 10 } });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as Json).error.param).toBe('site.latitude');
  });

  test('keeps the policy that an owner has set', async () => {
    await send('POST', '/fleet/v1/enrolments', ENROLMENT);
    const policy = { ...ENROLMENT.policy, targetSocPercent: 95 };
    await send('PUT', '/fleet/v1/vehicles/VIN-NEW/policy', policy);
    await send('POST', '/fleet/v1/enrolments', ENROLMENT);
    expect((await readVehicle(database, 'VIN-NEW'))?.policy.targetSocPercent).toBe(95);
  });

  test.each([
    ['consent', { policy: { ...ENROLMENT.policy, consent: undefined } }, 'policy.consent'],
    ['a known feeder', { feeder: 'nowhere' }, 'feeder'],
    ['a known class', { hardwareClass: 'hal-9000' }, 'hardwareClass'],
    ['a battery, of a car', { batteryKwh: undefined }, 'batteryKwh'],
    ['an id that is no wildcard', { id: '#' }, 'id'],
    ['no other fields', { key: 'x' }, 'key'],
  ])('wants %s', async (_, change, field) => {
    const answer = await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, id: 'VIN-BAD', ...change });
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as Json).error.param).toBe(field);
    expect(await readVehicle(database, 'VIN-BAD')).toBeUndefined();
  });

  test('says all that is wrong at once', async () => {
    const answer = await send('POST', '/fleet/v1/enrolments', {
      ...ENROLMENT,
      id: '#',
      displayName: '',
      batteryKwh: undefined,
      colour: 'red',
      policy: { ...ENROLMENT.policy, targetSocPercent: 7 },
    });
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as Json;
    expect(error.param).toBe('id');
    for (const problem of [
      'id: must be 1 to 64 letters',
      'displayName: must not be empty.',
      'batteryKwh: must be given for a car.',
      'colour: there is no such field.',
      'policy.targetSocPercent: must be at least',
    ])
      expect(error.message).toContain(problem);
    const lost = await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, feeder: 'nowhere', hardwareClass: 'hal' });
    expect(((await lost.json()) as Json).error.message).toMatch(
      /^feeder: must be one of .* hardwareClass: must be one of /,
    );
  });

  test('removes no car in mid-stay: its owner would not be paid', async () => {
    const stay = { vehicleId: 'car-2', pluggedInAtMs: 0, readyByMs: 1, targetSocPercent: 80, arrivalSocPercent: null };
    const { stay: number } = await openParkingSession(database, stay);
    const answer = await send('DELETE', '/fleet/v1/vehicles/car-2');
    expect(answer.status).toBe(409);
    expect(((await answer.json()) as Json).error.message).toContain('opt it out');
    await closeParkingSession(database, 'car-2', number, 2);
    expect((await send('DELETE', '/fleet/v1/vehicles/car-2')).status).toBe(409);
    await settleParkingSession(database, 'car-2', number, {});
    expect((await send('DELETE', '/fleet/v1/vehicles/car-2')).status).toBe(200);
  });

  test('is for operators', async () => {
    const { key } = (await (await send('POST', '/fleet/v1/owners/kari/keys')).json()) as Json;
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const asOwner = (method: string, path: string, body: unknown) =>
      api.fetch(path, { method, headers, body: JSON.stringify(body) });
    const region = { timeZone: 'Europe/Oslo', feeds: [], feeders: [{ id: 'a', failSafeImportKw: 1 }] };
    const spec = { chipKw: 1, awakeKw: 0, cooling: 'included', providers: ['cpu'], source: 'hearsay' };
    expect((await asOwner('POST', '/fleet/v1/enrolments', ENROLMENT)).status).toBe(401);
    expect((await asOwner('DELETE', '/fleet/v1/vehicles/car-1', {})).status).toBe(401);
    expect((await asOwner('PUT', '/fleet/v1/regions/bergen', region)).status).toBe(401);
    expect((await asOwner('PUT', '/fleet/v1/classes/mine', spec)).status).toBe(401);
  });

  test('works from a terminal', async () => {
    const file = join(await temporaryFolder(), 'car.yaml');
    await writeFile(file, JSON.stringify({ ...ENROLMENT, id: 'VIN-CLI' }));
    const reach = ['--url', api.server.url, '--key', 'test-key'];
    const enrolled = await cli('car', 'enrol', file, ...reach);
    expect(enrolled.out).toMatch(/VIN-CLI is enrolled\. .*nightshift agent enrol --api URL --code nse_/);
    expect((await cli('car', 'code', 'VIN-CLI', ...reach)).out).toContain('nse_');
    expect((await cli('car', 'remove', 'VIN-CLI', ...reach)).out).toBe('VIN-CLI is removed.\n');
    await writeFile(file, JSON.stringify({ ...ENROLMENT, feeder: 'nowhere' }));
    expect((await cli('car', 'enrol', file, ...reach)).err).toContain('feeder: must be one of oslo-1');
  });
});

describe('regions and feeders at run time', () => {
  test('are added and followed; a feeder is in one region', async () => {
    const bergen = { timeZone: 'Europe/Oslo', feeds: [], feeders: [{ id: 'bergen-1', failSafeImportKw: 12 }] };
    expect((await send('PUT', '/fleet/v1/regions/bergen', bergen)).status).toBe(200);
    expect(api.startedRegions).toContain('bergen');
    expect(await listFeeders(database, CELL.id)).toContainEqual({
      id: 'bergen-1',
      regionId: 'bergen',
      failSafeImportKw: 12,
    });
    const stolen = { ...bergen, feeders: [{ id: 'oslo-1', failSafeImportKw: 1_000 }] };
    expect((await send('PUT', '/fleet/v1/regions/bergen', stolen)).status).toBe(409);
    expect((await send('PUT', '/fleet/v1/regions/bergen', { ...bergen, timeZone: 'Mars' })).status).toBe(400);
    expect((await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, feeder: 'bergen-1' })).status).toBe(200);
  });
});

test('regions and classes are added from a terminal', async () => {
  const folder = await temporaryFolder();
  const reach = ['--url', api.server.url, '--key', 'test-key'];
  const added = async (kind: string, entry: Json) => {
    const file = join(folder, `${kind}.yaml`);
    await writeFile(file, JSON.stringify(entry));
    return cli('fleet', kind, file, ...reach);
  };
  const region = { id: 'voss', timeZone: 'Europe/Oslo', feeds: [], feeders: [{ id: 'voss-1', failSafeImportKw: 9 }] };
  expect((await added('region', region)).out).toBe('Region voss with voss-1 is planned from the next plan on.\n');
  expect(api.startedRegions).toContain('voss');
  expect((await added('region', { ...region, feeders: [] })).err).toContain('feeders');
  expect((await added('region', { ...region, id: undefined })).err).toContain('id: must be given');
  const spec = { chipKw: 0.3, awakeKw: 0.01, cooling: 'included', providers: ['cpu'], source: 'data sheet' };
  expect((await added('class', { ...spec, id: 'nuc' })).out).toBe('Class nuc is planned with from the next plan on.\n');
  expect((await api.getJson('/fleet/v1/classes')).classes.map(({ id }: Json) => id)).toContain('nuc');
  expect((await added('class', { ...spec, id: 'nuc', chipKw: -1 })).err).toContain('chipKw');
});

describe('classes at run time', () => {
  test('are added with their figures, and planned as the slowest until they are measured', async () => {
    const model = { name: 'ocr', version: '1', family: 'ocr', sha256: '0'.repeat(64), manifest: {}, tenantId: null };
    await addModel(database, model);
    await seedClassSpeed(database, { modelName: 'ocr', modelVersion: '1', hardwareClass: 'hw3', statedMsPerUnit: 300 });
    const spec = { chipKw: 0.3, awakeKw: 0.01, cooling: 'included', providers: ['cuda', 'cpu'], source: 'data sheet' };
    expect((await send('PUT', '/fleet/v1/classes/desktop-gpu', spec)).status).toBe(200);
    const { classes } = await api.getJson('/fleet/v1/classes');
    expect(classes).toContainEqual({ ...spec, id: 'desktop-gpu', memoryMb: null, probeGflops: null, assumed: false });
    const speeds = await listClassSpeeds(database);
    expect(speeds.find(({ hardwareClass }) => hardwareClass === 'desktop-gpu')).toMatchObject({ deviceMsPerUnit: 300 });
    const enrolled = await send('POST', '/fleet/v1/enrolments', { ...ENROLMENT, hardwareClass: 'desktop-gpu' });
    expect(enrolled.status).toBe(200);
    expect((await send('PUT', '/fleet/v1/classes/desktop-gpu', { ...spec, chipKw: 0 })).status).toBe(400);
    expect((await send('PUT', '/fleet/v1/classes/Not%2FValid', spec)).status).toBe(400);
  });
});
