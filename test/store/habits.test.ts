import { beforeAll, expect, test } from 'vitest';
import { learnHabits, listHabits } from '../../store/habits.ts';
import { openParkingSession } from '../../store/parkingSessions.ts';
import { listVehicles } from '../../store/vehicles.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
beforeAll(() => enrolFleet(database, ['here', 'gone']));

interface Counts {
  readonly stays: number;
}
const staysOf = (stored: unknown): number => (stored as Partial<Counts> | undefined)?.stays ?? 0;

test('learns each stay once for car and feeder, and lists only cars at the plug', async () => {
  const [vehicle] = await listVehicles(database, CELL.id);
  const feederId = vehicle?.feederId ?? '';
  const learn = (vehicleId: string, stay: number): Promise<void> =>
    learnHabits(database, { vehicleId, feederId, stay }, ({ car, feeder }) => ({
      car: { stays: staysOf(car) + 1 },
      feeder: { stays: staysOf(feeder) + 1 },
    }));
  for (const stay of [1, 1, 2, 1]) await learn('here', stay);
  await Promise.all([learn('gone', 1), learn('here', 3)]);
  await openParkingSession(database, {
    vehicleId: 'here',
    pluggedInAtMs: 0,
    readyByMs: 1,
    targetSocPercent: 80,
    arrivalSocPercent: null,
  });
  const { cars, feeders } = await listHabits(database, CELL.id, staysOf);
  expect(cars).toEqual(new Map([['here', 3]]));
  expect(feeders.get(feederId)).toBe(4);
});
