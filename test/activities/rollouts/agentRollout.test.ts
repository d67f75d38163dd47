import { beforeEach, expect, test } from 'vitest';

import { createRolloutActivities } from '../../../activities/rollouts/rolloutActivities.ts';
import { AGENT_RELEASE } from '../../../domain/names.ts';
import { rolloutSpecSchema } from '../../../domain/rollouts/rolloutSpec.ts';
import { firstRolloutStatus } from '../../../domain/workflows/modelRollout.ts';
import { addRelease, publishRelease, saveCarAgent, wantedRelease } from '../../../store/agentReleases.ts';
import { insertRollout, type StoredRollout } from '../../../store/rollouts.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { MemoryObjects } from '../../car/shard/support/memoryObjects.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2027, 0, 5, 20);
const CARS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const activities = createRolloutActivities({
  database,
  objects: new MemoryObjects(),
  gridNowMs: async () => NOW_MS,
  carAccess: { url: 'http://127.0.0.1:1', signer: sliceSignerWith('a secret of this test alone') },
  now: () => NOW_MS,
});
let version = 0;
let rollout: StoredRollout;

const tell = (vehicleId: string, runs: number, failed: number[] = [], refused: number | null = null) =>
  saveCarAgent(database, { vehicleId, version: runs, failed, refused, toldRealMs: NOW_MS });

async function ordered(): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    'select vehicle_id as id from agent_orders where version = $1 order by 1',
    [version],
  );
  return rows.map(({ id }) => id);
}

beforeEach(async () => {
  if (version === 0) await enrolFleet(database, CARS);
  version += 1;
  for (const id of CARS) await tell(id, 0);
  const files = [{ path: 'm', bytes: 1, sha256: 'a'.repeat(64) }];
  const expires = new Date(NOW_MS).toISOString();
  const release = { product: AGENT_RELEASE, version, name: 'x', expires_at: expires, entry: 'm', files } as const;
  await addRelease(database, release, { signed: `${version}`, signatures: [] });
  await publishRelease(database, version);
  const begun = await insertRollout(database, {
    cellId: CELL.id,
    name: AGENT_RELEASE,
    version: `${version}`,
    previousVersion: '0',
    baseFamily: AGENT_RELEASE,
    spec: rolloutSpecSchema.parse({ waves: [{ share: 1 }], compare: { requests: 0 } }),
    status: firstRolloutStatus(1, NOW_MS),
    startedAtMs: NOW_MS,
  });
  if (!begun) throw new Error('not begun');
  rollout = begun;
});

const decide = (outcome: 'completed' | 'rolled_back') =>
  activities.decideRollout({ rollout, status: { ...rollout.status, outcome } });

test('cars of one region are told a quarter at a time, until all have it; then new cars are told too', async () => {
  const seen = new Set<string>();
  for (let round = 1; round <= CARS.length / 2; round++) {
    const delivery = await activities.deliverWave({ rollout, wave: 0 });
    expect(delivery).toMatchObject({ target: CARS.length, drawn: 2 * round, holding: 2 * (round - 1), reasons: [] });
    // Asked again while they are under way, nobody else is.
    expect((await activities.deliverWave({ rollout, wave: 0 })).drawn).toBe(2 * round);
    const under = (await ordered()).filter((id) => !seen.has(id));
    expect(under).toHaveLength(2);
    for (const id of under) {
      expect(await wantedRelease(database, id)).toBe(version);
      seen.add(id);
      await tell(id, version);
    }
  }
  expect(await activities.deliverWave({ rollout, wave: 0 })).toMatchObject({ holding: CARS.length });
  expect(await activities.watchVersion({ rollout })).toEqual([]);
  await decide('completed');
  expect(await wantedRelease(database, 'enrolled later')).toBe(version);
  expect(await ordered()).toEqual([]);
});

test('a car that went back, or may not use it, halts the roll-out; who has not begun does not', async () => {
  await activities.deliverWave({ rollout, wave: 0 });
  const [first = '', second = ''] = await ordered();
  await tell(first, 0, [version]);
  const [reason] = (await activities.deliverWave({ rollout, wave: 0 })).reasons ?? [];
  expect(reason).toMatchObject({ code: 'rollout_returned', limit: 0.05 });
  expect(reason?.value).toBeGreaterThanOrEqual(0.25);
  await tell(first, 0);
  await tell(second, 0, [], version);
  expect(await activities.watchVersion({ rollout })).toMatchObject([{ code: 'rollout_returned' }]);
  await decide('rolled_back');
  expect(await ordered()).toEqual([]);
  expect(await wantedRelease(database, second)).toBeLessThan(version);
});

test('cars whose agents have not been heard of for long are not told', async () => {
  for (const id of CARS)
    await saveCarAgent(database, {
      vehicleId: id,
      version: 0,
      failed: [],
      refused: null,
      toldRealMs: NOW_MS - 3_600_000,
    });
  expect(await activities.deliverWave({ rollout, wave: 0 })).toMatchObject({
    target: CARS.length,
    drawn: 0,
    holding: 0,
  });
  await decide('rolled_back');
});
