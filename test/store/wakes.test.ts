import { beforeAll, expect, test } from 'vitest';
import { listWakes, saveWakes } from '../../store/wakes.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
beforeAll(() => enrolFleet(database, ['car']));

test('keeps how the waking of a car stands', async () => {
  await saveWakes(database, [{ vehicleId: 'car', requestedAtMs: 5_000, failures: 1, retryAtMs: null }]);
  const failed = { vehicleId: 'car', requestedAtMs: null, failures: 2, retryAtMs: 9_000 };
  await saveWakes(database, [failed]);
  expect(await listWakes(database, CELL.id)).toEqual([failed]);
});
