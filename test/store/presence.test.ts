import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';
import { closeParkingSession, openParkingSession } from '../../store/parkingSessions.ts';
import { listPresence, readPluggedTime } from '../../store/presence.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOON_MS = Date.UTC(2026, 0, 20, 12);

test('knows who is plugged in, when cars usually come, and how long they were there', async () => {
  await enrolFleet(database, ['A', 'B']);
  expect(await listPresence(database, CELL.id, NOON_MS)).toMatchObject([{ carsPluggedIn: 0, usualArrivalMs: null }]);

  const stay = async (vehicleId: string, fromMs: number, untilMs: number | null): Promise<void> => {
    const terms = { readyByMs: fromMs + DAY_MS, targetSocPercent: 80, arrivalSocPercent: null };
    const { stay: number } = await openParkingSession(database, { vehicleId, pluggedInAtMs: fromMs, ...terms });
    if (untilMs !== null) await closeParkingSession(database, vehicleId, number, untilMs);
  };
  await stay('A', NOON_MS - 2 * DAY_MS + 6 * HOUR_MS, NOON_MS - 2 * DAY_MS + 16 * HOUR_MS);
  await stay('B', NOON_MS - 1 * DAY_MS + 5 * HOUR_MS, NOON_MS - 1 * DAY_MS + 15 * HOUR_MS);
  // Longer ago than a week: no habit any more.
  await stay('A', NOON_MS - 9 * DAY_MS + HOUR_MS, NOON_MS - 9 * DAY_MS + 2 * HOUR_MS);
  expect(await listPresence(database, CELL.id, NOON_MS)).toMatchObject([
    { carsPluggedIn: 0, usualArrivalMs: NOON_MS + 5 * HOUR_MS },
  ]);

  const night = { startMs: NOON_MS - DAY_MS, endMs: NOON_MS - DAY_MS + 10 * HOUR_MS };
  expect(await readPluggedTime(database, CELL.id, night, null)).toEqual({ cars: 1, hours: 5 });
  expect(await readPluggedTime(database, CELL.id, night, ['elsewhere'])).toEqual({ cars: 0, hours: 0 });

  await stay('A', NOON_MS - HOUR_MS, null);
  expect(await listPresence(database, CELL.id, NOON_MS)).toMatchObject([{ carsPluggedIn: 1 }]);
});
