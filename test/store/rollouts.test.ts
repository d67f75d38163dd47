import { beforeAll, describe, expect, test } from 'vitest';

import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { rolloutSpecSchema } from '../../domain/rollouts/rolloutSpec.ts';
import { firstRolloutStatus } from '../../domain/workflows/modelRollout.ts';
import { setOwnerPolicy } from '../../store/vehicles.ts';
import { listOpenModelOrders, saveFetchedModel, saveModelOrders } from '../../store/modelOrders.ts';
import {
  addModel,
  listLatestModels,
  pinModel,
  readModel,
  removeModel,
  serveNextVersion,
  serveVersion,
} from '../../store/models.ts';
import {
  addRolloutCars,
  countRolloutJobs,
  decideStoredRollout,
  endRollout,
  insertRollout,
  listEligibleCars,
  listRolloutCars,
  listRolloutFamilies,
} from '../../store/rollouts.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { CELL, enrolFleet, testVehicle } from '../support/fleetFixture.ts';
import { storeBatch } from '../support/batchFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2027, 0, 5);
const SHA = 'a'.repeat(64);

beforeAll(() => enrolFleet(database, ['one', 'two']));

const publish = async (name: string, ...versions: string[]) => {
  for (const version of versions)
    await addModel(database, { name, version, family: 'f', sha256: version, manifest: {}, tenantId: null });
};
const begin = (name: string, version: string) =>
  insertRollout(database, {
    cellId: CELL.id,
    name,
    version,
    previousVersion: '1',
    baseFamily: 'f',
    spec: rolloutSpecSchema.parse({}),
    status: firstRolloutStatus(3, NOW_MS),
    startedAtMs: NOW_MS,
  });
const answering = async (name: string, tenantId = DEFAULT_TENANT) =>
  (await readModel(database, tenantId, name))?.version;

describe('the version that answers', () => {
  test('moves tenant by tenant with the share that is served, and no tenant goes back', async () => {
    await publish('moves', '1', '2');
    const tenants = Array.from({ length: 200 }, (_, index) => `tenant-${index}`);
    let moved = new Set<string>();
    for (const share of [0, 0.1, 0.5, 1]) {
      await serveNextVersion(database, { name: 'moves', version: '2', share });
      const now = new Set<string>();
      for (const tenant of tenants) if ((await answering('moves', tenant)) === '2') now.add(tenant);
      expect(now.size / tenants.length).toBeGreaterThanOrEqual(share - 0.1);
      expect(now.size / tenants.length).toBeLessThanOrEqual(share + 0.1);
      expect([...moved].every((tenant) => now.has(tenant))).toBe(true);
      moved = now;
    }
    await serveVersion(database, 'moves', '1');
    expect(await answering('moves', 'tenant-1')).toBe('1');
  });

  test('of a tenant that is pinned stays, and is the newest again when the latest is removed', async () => {
    await publish('pinned', '1', '2', '3');
    await serveVersion(database, 'pinned', '2');
    await pinModel(database, { tenantId: 'lab', name: 'pinned', version: '1' });
    expect([await answering('pinned', 'lab'), await answering('pinned')]).toEqual(['1', '2']);
    expect((await listLatestModels(database)).find(({ name }) => name === 'pinned')).toMatchObject({
      version: '2',
      waiting: ['3'],
    });
    await pinModel(database, { tenantId: 'lab', name: 'pinned', version: null });
    expect(await answering('pinned', 'lab')).toBe('2');
    expect(await removeModel(database, { tenantId: null, name: 'pinned', version: '2' })).toBe(true);
    expect(await answering('pinned')).toBe('3');
  });
});

describe('a roll-out', () => {
  test('is the only one of its model, and gives its version a family of its own until it is decided', async () => {
    await publish('rolled', '1', '2', '3');
    const rollout = await begin('rolled', '2');
    expect(rollout?.family).toMatch(/^f~\d+$/);
    expect(await begin('rolled', '3')).toBeUndefined();
    expect(await readModel(database, DEFAULT_TENANT, 'rolled', '2')).toMatchObject({ family: rollout?.family });
    expect(await readModel(database, DEFAULT_TENANT, 'rolled', '1')).toMatchObject({ family: 'f' });
    expect(await removeModel(database, { tenantId: null, name: 'rolled', version: '2' })).toBe(false);
    expect(await decideStoredRollout(database, rollout?.id ?? 0, NOW_MS)).toBe(true);
    expect(await decideStoredRollout(database, rollout?.id ?? 0, NOW_MS)).toBe(false);
    expect(await readModel(database, DEFAULT_TENANT, 'rolled', '2')).toMatchObject({ family: 'f' });
    expect(await begin('rolled', '3')).toBeDefined();
  });

  test('keeps its cars while a batch of its version runs', async () => {
    await publish('drains', '1', '2');
    const rollout = await begin('drains', '2');
    if (!rollout) throw new Error('not begun');
    await addRolloutCars(database, rollout.id, 0, ['one', 'nobody']);
    expect((await listRolloutFamilies(database, CELL.id)).get('one')).toEqual([{ family: rollout.family, base: 'f' }]);
    await storeBatch(database, 'batch_d', NOW_MS);
    const progress = {
      jobId: 'batch_d',
      cellId: CELL.id,
      model: { name: 'drains', version: '2', family: rollout.family, sha256: '2' },
      shards: 1,
      pending: 1,
      inFlight: 0,
      done: 0,
      linesPerShard: 1,
      unitsPerLine: 1,
      paused: false,
    };
    await upsertJobProgress(database, { ...progress, finished: false });
    expect(await countRolloutJobs(database, rollout.family)).toBe(1);
    await upsertJobProgress(database, { ...progress, finished: true });
    expect(await countRolloutJobs(database, rollout.family)).toBe(0);
    await endRollout(database, rollout.id, NOW_MS);
    expect((await listRolloutFamilies(database, CELL.id)).size).toBe(0);
  });

  test('asks only cars whose owners let them compute', async () => {
    const ids = async (): Promise<string[]> =>
      (await listEligibleCars(database, { cellId: CELL.id, baseFamily: 'f', name: 'm', version: '1' })).map(
        ({ vehicleId }) => vehicleId,
      );
    expect(await ids()).toEqual(['one', 'two']);
    await setOwnerPolicy(database, 'two', { ...testVehicle('two').policy, computeOptIn: false });
    expect(await ids()).toEqual(['one']);
  });
});

test('an order is open until its hours are over or the car says that it has the model', async () => {
  const order = {
    name: 'm',
    version: '1',
    sha256: SHA,
    bytes: 10,
    reason: 'plan',
    fromMs: NOW_MS,
    untilMs: NOW_MS + 1_000,
  };
  await saveModelOrders(database, [
    { ...order, vehicleId: 'one' },
    { ...order, vehicleId: 'gone' },
  ]);
  expect((await listOpenModelOrders(database, NOW_MS)).map(({ vehicleId }) => vehicleId)).toEqual(['one']);
  expect(await listOpenModelOrders(database, NOW_MS + 1_000)).toEqual([]);
  await saveFetchedModel(database, {
    vehicleId: 'one',
    name: 'm',
    version: '1',
    sha256: SHA,
    bytes: 10,
    seconds: 2,
    atMs: NOW_MS,
  });
  await saveFetchedModel(database, {
    vehicleId: 'one',
    name: 'm',
    version: '1',
    sha256: SHA,
    bytes: 0,
    seconds: 0,
    atMs: NOW_MS,
  });
  expect(await listOpenModelOrders(database, NOW_MS)).toEqual([]);
  expect(await database.query('select bytes::int, seconds from car_models')).toEqual([{ bytes: 10, seconds: 2 }]);
  const rollout = await begin('m', '1');
  await addRolloutCars(database, rollout?.id ?? 0, 0, ['one', 'two']);
  expect(await listRolloutCars(database, { id: rollout?.id ?? 0, name: 'm', version: '1' })).toEqual([
    { vehicleId: 'one', holds: true },
    { vehicleId: 'two', holds: false },
  ]);
});
