import { beforeAll, expect, test } from 'vitest';
import { listWakes, saveWakes } from '../../store/wakes.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { db } = useTestDatabase();
beforeAll(() => enrolFleet(db, ['car']));

test('keeps how the waking of a car stands', async () => {
  await saveWakes(db, [{ vehicleId: 'car', requestedAtMs: 5_000, failures: 1, retryAtMs: null }]);
  const failed = { vehicleId: 'car', requestedAtMs: null, failures: 2, retryAtMs: 9_000 };
  await saveWakes(db, [failed]);
  expect(await listWakes(db, CELL.id)).toEqual([failed]);
});
