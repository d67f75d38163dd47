import { expect, test } from 'vitest';
import { createStayActivities } from '../../../activities/stays/stayActivities.ts';
import { carReason } from '../../../domain/claims.ts';
import { listLedgerEntries } from '../../../store/ledger.ts';
import { openParkingSession } from '../../../store/parkingSessions.ts';
import { updateClaims } from '../../../store/vehicleClaims.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { db } = useTestDatabase();
const START_MS = Date.UTC(2026, 0, 14, 18);
const HOUR_MS = 3_600_000;

test('a stay whose telemetry contradicted itself is not paid for being available; the one before and after are', async () => {
  await enrolFleet(db, ['CAR']);
  const { closeSession } = createStayActivities({
    database: db,
    vehicles: { publish: async () => {}, withdraw: async () => {} },
  });
  for (const [stay, isTrusted] of [true, false, true].entries()) {
    const pluggedInAtMs = START_MS + stay * 10 * HOUR_MS;
    const unpluggedMs = pluggedInAtMs + 5 * HOUR_MS;
    const session = await openParkingSession(db, {
      vehicleId: 'CAR',
      pluggedInAtMs,
      readyByMs: unpluggedMs,
      targetSocPercent: 80,
      arrivalSocPercent: 40,
    });
    const tell = (atMs: number, plug: 'plugged' | 'away') => {
      const reasons = isTrusted ? [] : [carReason('telemetry', 'safety', 'telemetry_not_trusted')];
      return updateClaims(db, [{ vehicleId: 'CAR', atMs, source: 'telemetry', reasons, condition: { plug } }]);
    };
    await tell(pluggedInAtMs + HOUR_MS, 'plugged');
    await tell(unpluggedMs, 'away');
    const request = { vehicleId: 'CAR', stay: session.stay, cellId: CELL.id, unpluggedMs };
    await closeSession({ ...request, reason: 'Gear is D', wasComputing: false });
  }
  const entries = await listLedgerEntries(db, 'CAR', { startMs: START_MS, endMs: START_MS + 100 * HOUR_MS });
  expect(entries.map(({ kind, quantity }) => [kind, quantity])).toEqual([
    ['availability', 5],
    ['availability', 0],
    ['availability', 5],
  ]);
});
