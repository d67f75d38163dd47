import { beforeAll, describe, expect, test } from 'vitest';
import { carReason } from '../../domain/claims.ts';
import { openParkingSession } from '../../store/parkingSessions.ts';
import { savePlan } from '../../store/plans.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
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

const asOwner = (path: string, init: RequestInit = {}): Promise<Response> =>
  api.fetch(path, { ...init, headers: { 'content-type': 'application/json', authorization: `Bearer ${ownerKey}` } });
const policyOf = async (vin: string): Promise<Json> => (await api.getJson(`/fleet/v1/vehicles/${vin}`)).policy;
const put = (vin: string, policy: unknown): Promise<Response> =>
  asOwner(`/fleet/v1/vehicles/${vin}/policy`, { method: 'PUT', body: JSON.stringify(policy) });
const CONSENT = { termsVersion: '2026-01', givenAtMs: 1_768_000_000_000 };

test('holds an owner to a rate, whatever the key, and nobody else with them', async () => {
  // No car of theirs: an answer that costs little.
  const path = '/fleet/v1/vehicles/nobodys';
  const keys = await Promise.all(
    [1, 2].map(async () => {
      const made = await api.fetch('/fleet/v1/owners/owner-of-car-2/keys', { method: 'POST' });
      return ((await made.json()) as Json).key as string;
    }),
  );
  const ask = async (key: string) => (await api.fetch(path, { headers: { authorization: `Bearer ${key}` } })).status;
  const seen: number[] = [];
  while (seen.at(-1) !== 429 && seen.length < 1_000) seen.push(await ask(keys[seen.length % 2] ?? ''));
  expect(seen.slice(0, 240)).toEqual(Array.from({ length: 240 }, () => 404));
  expect(seen.at(-1)).toBe(429);
  expect((await asOwner(path)).status).toBe(404);
  expect((await api.fetch(path)).status).toBe(404);
});

describe('an owner', () => {
  test('sees only their own cars, by every route', async () => {
    const { vehicles } = (await (await asOwner('/fleet/v1/vehicles')).json()) as Json;
    expect(vehicles.map(({ id }: Json) => id)).toEqual(['car-1']);
    expect((await api.getJson('/fleet/v1/vehicles')).vehicles).toHaveLength(2);
    for (const path of ['', '/why', '/plan', '/sessions']) {
      expect((await asOwner(`/fleet/v1/vehicles/car-1${path}`)).status).toBe(200);
      expect((await asOwner(`/fleet/v1/vehicles/car-2${path}`)).status).toBe(404);
      expect((await asOwner(`/fleet/v1/vehicles/none${path}`)).status).toBe(404);
    }
    expect((await put('car-2', await policyOf('car-2'))).status).toBe(404);
    expect((await asOwner('/ops/v1/status')).status).toBe(401);
    expect((await asOwner('/fleet/v1/owners/owner-of-car-2/keys', { method: 'POST' })).status).toBe(401);
  });

  test('is refused with an unknown or withdrawn key', async () => {
    const refused = await api.fetch('/fleet/v1/vehicles', { headers: { authorization: 'Bearer nso_wrong' } });
    expect(refused.status).toBe(401);
    const made = (await (await api.fetch('/fleet/v1/owners/gone/keys', { method: 'POST' })).json()) as Json;
    await api.fetch('/fleet/v1/owners/gone/keys', { method: 'DELETE' });
    const headers = { authorization: `Bearer ${made.key}` };
    expect((await api.fetch('/fleet/v1/vehicles', { headers })).status).toBe(401);
  });

  test('sets the policy: in force at once, told to the open stay, and a reason of the car', async () => {
    const policy = await policyOf('car-1');
    await openParkingSession(database, {
      vehicleId: 'car-1',
      pluggedInAtMs: 1_000,
      readyByMs: 2_000,
      targetSocPercent: 80,
      arrivalSocPercent: 50,
    });
    const answer = await put('car-1', { ...policy, computeOptIn: false });
    expect(answer.status).toBe(200);
    expect(api.policyChanges).toEqual(['car-1/1']);
    const why = await api.getJson('/fleet/v1/vehicles/car-1/why');
    expect(why).toMatchObject({ heldBy: 'owner_now', transitions: [{ reasons: [{ code: 'owner_opted_out' }] }] });
    const { stays } = await api.getJson('/fleet/v1/vehicles/car-1/sessions');
    expect(stays).toMatchObject([{ stay: 1, arrivalSocPercent: 50, unpluggedAtMs: null }]);
  });

  test.each([
    ['consent', { computeOptIn: true }, 'consent: must be given'],
    ['minimumSocPercent', { minimumSocPercent: 90, computeOptIn: false }, 'at most targetSocPercent'],
    ['timeZone', { timeZone: 'Mars/Olympus', computeOptIn: false }, 'IANA'],
    ['computeSocFloorPercent', { computeSocFloorPercent: 10 }, '20'],
    ['readyByPlans.0.time', { readyByPlans: [{ weekdays: [1], time: '25:00' }] }, 'HH:MM'],
  ])('is told the field and its limit: %s', async (field, change, words) => {
    const answer = await put('car-1', { ...(await policyOf('car-1')), ...change });
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as Json).error).toMatchObject({
      param: field,
      message: expect.stringContaining(words),
    });
  });

  test('consents once', async () => {
    const policy = await policyOf('car-1');
    expect((await put('car-1', { ...policy, computeOptIn: true, consent: CONSENT })).status).toBe(200);
    const { consent: _, ...again } = { ...policy, computeOptIn: true, consent: CONSENT };
    const kept = (await (await put('car-1', again)).json()) as Json;
    expect(kept.policy.consent).toEqual(CONSENT);
  });
});

test('the whole ladder is shown, and the strongest claim holds the car', async () => {
  await updateClaims(database, [
    {
      vehicleId: 'car-2',
      atMs: 5,
      source: 'plan',
      reasons: [
        carReason('plan', 'grid_emergency', 'grid_emergency', { value: 8, limit: 5 }),
        { source: 'plan', holder: 'plan', code: 'target_reached', text: 'It needs no more energy.' },
      ],
      condition: { plug: 'plugged', online: true },
    },
  ]);
  const { claims } = await api.getJson('/fleet/v1/vehicles/car-2/why');
  expect(claims.map(({ holder, holds }: Json) => [holder, holds])).toEqual([
    ['safety', false],
    ['grid_emergency', true],
    ['owner_now', false],
    ['limit', false],
    ['plan', false],
    ['default', false],
  ]);
  expect(claims[4].reasons[0].code).toBe('target_reached');
});

test('the plan of a car has its slots, its reasons and what cannot be met', async () => {
  expect((await api.getJson('/fleet/v1/vehicles/car-2/plan')).planId).toBeNull();
  const plan = {
    slots: { startMs: 0, slotMinutes: 15, count: 2 },
    cars: [{ carId: 'car-2', chargeKw: [0, 7], computeKw: [1.5, 0], reasons: [{ code: 'x', text: 'y' }] }],
    unmet: [{ kind: 'ready_by', id: 'car-2', missing: 3, unit: 'kWh', text: 'late', bindingLimits: [] }],
  };
  await savePlan(database, { id: 'p', cellId: CELL.id, slotStartMs: 0, createdAtMs: 0, problem: {}, plan });
  expect(await api.getJson('/fleet/v1/vehicles/car-2/plan')).toMatchObject({
    planId: 'p',
    intervals: [
      { startMs: 0, endMs: 900_000, chargeKw: 0, computeKw: 1.5 },
      { startMs: 900_000, endMs: 1_800_000, chargeKw: 7, computeKw: 0 },
    ],
    unmet: [{ kind: 'ready_by', missing: 3 }],
  });
});

const car = (...args: string[]) => cli('car', ...args, '--url', api.server.url, '--key', ownerKey);

describe('nightshift car', () => {
  test('shows, explains, opts out of the night, boosts, and takes both back', async () => {
    const shown = await car('show');
    expect(shown.out).toContain('Car car-1');
    expect(shown.out).not.toContain('car-2');
    expect((await car('opt-out', 'car-1')).code).toBe(0);
    expect((await car('boost', 'car-1')).code).toBe(0);
    const why = await car('why', 'car-1');
    expect(why.out).toContain('held by owner now');
    expect(why.out).toContain('owner_opted_out_tonight');
    expect(why.out).toContain('owner_boost');
    await car('opt-out', 'car-1', '--undo');
    await car('boost', 'car-1', '--undo');
    expect((await car('policy', 'car-1')).out).not.toContain('UntilMs');
  });

  test('names what is wrong', async () => {
    expect(await car('why', 'car-2')).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no car "car-2"'),
    });
    const away = await cli('car', 'show', '--url', 'http://127.0.0.1:9', '--key', 'k');
    expect(away).toMatchObject({ code: 1, err: expect.stringContaining('does not answer') });
  });
});
