import { beforeAll, expect, test } from 'vitest';
import { learnHabit, listHabits } from '../../store/habits.ts';
import { openParkingSession } from '../../store/parkingSessions.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { db } = useTestDatabase();
beforeAll(() => enrolFleet(db, ['here', 'gone']));

const count = (known: number | undefined): number => (known ?? 0) + 1;

test('each stay is learned once, and only cars at the plug are asked for', async () => {
  for (const stay of [1, 1, 2, 1]) await learnHabit<number>(db, 'here', stay, count);
  await learnHabit<number>(db, 'gone', 1, count);
  await openParkingSession(db, {
    vehicleId: 'here',
    pluggedInAtMs: 0,
    readyByMs: 1,
    targetSocPercent: 80,
    arrivalSocPercent: null,
  });
  expect(await listHabits(db, CELL.id)).toEqual(new Map([['here', 2]]));
});
