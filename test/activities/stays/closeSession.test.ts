import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.ts';
import { expect, test } from 'vitest';
import { createStayActivities } from '../../../activities/stays/stayActivities.ts';
import { carReason } from '../../../domain/claims.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { addHeardHours } from '../../../store/heardHours.ts';
import type { Database } from '../../../store/database.ts';
import { book, listCarLines, listStayLines } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { recordMeterReadings } from '../../../store/meters.ts';
import { addPaidCompute } from '../../../store/paidCompute.ts';
import { readReputation, updateReputation } from '../../../store/reputations.ts';
import { openParkingSession, readParkingSession, readStayEnergy } from '../../../store/parkingSessions.ts';
import { updateClaims } from '../../../store/vehicleClaims.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { workBooking } from '../../support/ledgerFixture.ts';
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

const at = (minute: number): number => START_MS + minute * MINUTE_MS;

test('a second stay in the same quarter hour has its own energy, and all stays together what the meter counted', async () => {
  await enrolFleet(database, ['CAR3']);
  const { closeSession } = createStayActivities({
    database,
    vehicles: { publish: async () => {}, withdraw: async () => {} },
  });
  const meter = (minute: number, chargingKwh: number, computeKwh: number) =>
    recordMeterReadings(database, CELL, [{ vehicleId: 'CAR3', atMs: at(minute), chargingKwh, computeKwh }]);
  const stayOf = async (fromMinute: number, toMinute: number, chargingKwh: number, computeKwh: number) => {
    const { stay } = await openParkingSession(database, {
      vehicleId: 'CAR3',
      pluggedInAtMs: at(fromMinute),
      readyByMs: at(600),
      targetSocPercent: 80,
      arrivalSocPercent: 40,
    });
    await meter(toMinute, chargingKwh, computeKwh);
    const request = { vehicleId: 'CAR3', stay, cellId: CELL.id, unpluggedMs: at(toMinute) };
    await closeSession({ ...request, reason: 'Gear is D', wasComputing: false });
    return (await readParkingSession(database, 'CAR3', stay))?.settled;
  };
  await meter(0, 100, 7);
  expect(await stayOf(0, 20, 100.1, 7.04)).toMatchObject({ chargingKwh: 0.1, computeKwh: 0.04 });
  // Both within the quarter hour in which the first one ended.
  expect(await stayOf(21, 24, 100.4, 7.1)).toMatchObject({ chargingKwh: 0.3, computeKwh: 0.06 });
  expect(await stayOf(25, 60, 100.7, 7.3)).toMatchObject({ chargingKwh: 0.3, computeKwh: 0.2 });
  // A reading that came late: the last stay has it.
  await meter(61, 100.75, 7.3);
  const energies = await Promise.all([1, 2, 3].map((stay) => readStayEnergy(database, 'CAR3', stay)));
  expect(energies.map(({ chargingKwh }) => chargingKwh)).toEqual([0.1, 0.3, 0.35]);
  expect(energies.map(({ computeKwh }) => computeKwh)).toEqual([0.04, 0.06, 0.2]);
});

test('what no reading of its quarter hours explains by the end of a stay is taken back, once, and the car is on probation', async () => {
  await enrolFleet(database, ['CAR4']);
  const { closeSession } = createStayActivities({
    database,
    vehicles: { publish: async () => {}, withdraw: async () => {} },
  });
  const session = { vehicleId: 'CAR4', readyByMs: at(600), targetSocPercent: 80, arrivalSocPercent: 40 };
  const { stay } = await openParkingSession(database, { ...session, pluggedInAtMs: at(0) });
  const key = { vehicleId: 'CAR4', modelFamily: 'general', hardwareClass: 'ai4' };
  await updateReputation(database, key, (before) => ({ reputation: { ...before, validInRow: 30 } }));
  // Paid before the last readings came: 200 Wh in two quarter hours and 50 Wh in one that nobody has read.
  const paid = [200, 200, 50].map((paidWh, slot) => ({ slotStartMs: at(15 * slot), paidWh }));
  await addPaidCompute(database, 'CAR4', paid, at(44));
  const work = workBooking({ vehicleId: 'CAR4', kwh: 0.45, reference: 'job/b4/shard/0', atMs: at(44) });
  await book(database, { ...work, stay });
  const readings = [at(0), at(15), at(30)].map((atMs, index) => ({ atMs, computeKwh: [0, 0.2, 0.24][index] ?? 0 }));
  await recordMeterReadings(
    database,
    CELL,
    readings.map((reading) => ({ ...reading, vehicleId: 'CAR4', chargingKwh: 0 })),
  );
  const request = { vehicleId: 'CAR4', stay, cellId: CELL.id, unpluggedMs: at(50) };
  for (const _ of [1, 2]) await closeSession({ ...request, reason: 'Gear is D', wasComputing: false });
  const lines = await listStayLines(database, 'CAR4', stay);
  const workMicros = lines.filter(({ item }) => item === 'work').map(({ amountMicros }) => amountMicros);
  // Of the second quarter hour 40 Wh by a car's own meter, within 25 %, and 20 Wh; and 70 Wh that the first one has left.
  expect(workMicros).toEqual([45_000, -6_000]);
  expect(lines.find(({ corrects }) => corrects !== null)?.reason).toContain('explains 390.0 of the 450.0 Wh');
  expect(await readReputation(database, key)).toMatchObject({ validInRow: 0 });
  const ofMeter = (await checkLedger(database)).faults.filter((fault) => JSON.stringify(fault).includes('meter/'));
  expect(ofMeter).toEqual([]);
});
