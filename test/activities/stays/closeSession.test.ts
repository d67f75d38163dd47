import { HOUR_MS } from '../../../domain/durations.ts';
import { expect, test } from 'vitest';
import { createStayActivities } from '../../../activities/stays/stayActivities.ts';
import { carReason } from '../../../domain/claims.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { addHeardHours } from '../../../store/heardHours.ts';
import { listCarLines } from '../../../store/ledger.ts';
import type { Database } from '../../../store/database.ts';
import { openParkingSession, readParkingSession } from '../../../store/parkingSessions.ts';
import { updateClaims } from '../../../store/vehicleClaims.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const START_MS = Date.UTC(2026, 0, 14, 18);

test('pays availability for hours in which the car answered, and none for a stay whose telemetry contradicted itself', async () => {
  await enrolFleet(database, ['CAR']);
  const { closeSession } = createStayActivities({
    database,
    vehicles: { publish: async () => {}, withdraw: async () => {} },
  });
  for (const [stay, isTrusted] of [true, false, true].entries()) {
    const pluggedInAtMs = START_MS + stay * 10 * HOUR_MS;
    const unpluggedMs = pluggedInAtMs + 5 * HOUR_MS;
    const session = await openParkingSession(database, {
      vehicleId: 'CAR',
      pluggedInAtMs,
      readyByMs: unpluggedMs,
      targetSocPercent: 80,
      arrivalSocPercent: 40,
    });
    const tell = (atMs: number, plug: 'plugged' | 'away') => {
      const reasons = isTrusted ? [] : [carReason('telemetry', 'safety', 'telemetry_not_trusted')];
      return updateClaims(database, [{ vehicleId: 'CAR', atMs, source: 'telemetry', reasons, condition: { plug } }]);
    };
    await tell(pluggedInAtMs + HOUR_MS, 'plugged');
    // It sleeps in the second hour, and has a shard in the fourth.
    const heard = [0, 2, 4].map((hour) => ({ vehicleId: 'CAR', hourMs: pluggedInAtMs + hour * HOUR_MS }));
    await addHeardHours(database, [...heard, ...heard.slice(0, 1)]);
    const handedOutMs = pluggedInAtMs + 3.2 * HOUR_MS;
    const attempt = { vehicleId: 'CAR', jobId: `job-${stay}`, shard: 0, handedOutMs };
    await recordComputeAttempt(database, { ...attempt, storedAtMs: handedOutMs + HOUR_MS / 2 });
    await tell(unpluggedMs, 'away');
    const request = { vehicleId: 'CAR', stay: session.stay, cellId: CELL.id, unpluggedMs };
    await closeSession({ ...request, reason: 'Gear is D', wasComputing: false });
  }
  const entries = await listCarLines(database, 'CAR', { startMs: START_MS, endMs: START_MS + 100 * HOUR_MS });
  expect(entries.map(({ kind, quantityMillionths }) => [kind, quantityMillionths])).toEqual([
    ['availability', 4_000_000],
    ['availability', 0],
    ['availability', 4_000_000],
  ]);
});

test('settles a stay as a whole: what fails in between leaves it open and unpaid, and the next attempt pays once', async () => {
  await enrolFleet(database, ['CAR2']);
  let isJournalBroken = true;
  // A database whose journal fails once all else of the stay is written.
  const failing: Database = {
    ...database,
    transaction: (work) =>
      database.transaction((tx) =>
        work({
          ...tx,
          query: async (sql, values) => {
            if (isJournalBroken && sql.includes('into journal')) throw new Error('the disk is full');
            return tx.query(sql, values);
          },
        }),
      ),
  };
  const { closeSession } = createStayActivities({
    database: failing,
    vehicles: { publish: async () => {}, withdraw: async () => {} },
  });
  const { stay } = await openParkingSession(database, {
    vehicleId: 'CAR2',
    pluggedInAtMs: START_MS,
    readyByMs: START_MS + 5 * HOUR_MS,
    targetSocPercent: 80,
    arrivalSocPercent: 40,
  });
  const close = () =>
    closeSession({
      vehicleId: 'CAR2',
      stay,
      cellId: CELL.id,
      unpluggedMs: START_MS + 5 * HOUR_MS,
      reason: 'Gear is D',
      wasComputing: false,
    });
  const booked = () => listCarLines(database, 'CAR2', { startMs: START_MS, endMs: START_MS + 100 * HOUR_MS });

  await expect(close()).rejects.toThrow('the disk is full');
  expect(await booked()).toEqual([]);
  expect(await readParkingSession(database, 'CAR2', stay)).toMatchObject({ unpluggedAtMs: null });

  isJournalBroken = false;
  await close();
  await close();
  expect(await booked()).toHaveLength(1);
});
