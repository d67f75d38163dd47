import { storeBatch } from '../support/batchFixture.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { objectKeys } from '../../domain/names.ts';
import { recordAcceptedShard } from '../../store/acceptedShards.ts';
import { appendJournal } from '../../store/journal.ts';
import { book } from '../../store/ledger.ts';
import { recordMeterReadings } from '../../store/meters.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import {
  closeParkingSession,
  openParkingSession,
  recordReadyBySoc,
  settleParkingSession,
} from '../../store/parkingSessions.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { emptyLedger, stayBooking, workBooking } from '../support/ledgerFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { answeredOnce, limitKept, ownersWhole, paidOnce, paidWithinMeter } from './checks.ts';

const START_MS = Date.parse('2026-01-14T20:00:00Z');
const { database } = useTestDatabase();
let folder: string;
let objects: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-checks-'));
  objects = createFileStore(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  await database.query('truncate cells, batches cascade');
  await emptyLedger(database);
  await enrolFleet(database, ['car-1', 'car-2']);
});

function answer(id: string, code = 200): string {
  return JSON.stringify({
    id: 'batch_req_0',
    custom_id: id,
    response: { status_code: code, request_id: 'req_0', body: { text: id } },
    error: null,
  });
}

describe('answered once', () => {
  const undisturbed = `${answer('a')}\n${answer('b')}\n`;

  test('holds for the same bytes but for the ids', () => {
    expect(answeredOnce(undisturbed.replaceAll('req_0', 'req_1'), 2, undisturbed)).toEqual([]);
  });

  test.each([
    ['one is missing', `${answer('a')}\n`],
    ['one comes twice', `${undisturbed}${answer('b')}\n`],
    ['one is an error', `${answer('a')}\n${answer('b', 500)}\n`],
    ['one says something else', undisturbed.replace('"text":"b"', '"text":"c"')],
  ])('does not when %s', (_, output) => {
    expect(answeredOnce(output, 2, undisturbed)).not.toEqual([]);
  });
});

describe('paid once', () => {
  const BATCH = 'batch-1';
  const range = { start: 0, end: 2 };

  beforeEach(async () => {
    await storeBatch(database, BATCH, START_MS);
    await recordAcceptedShard(database, {
      jobId: BATCH,
      shard: 0,
      completed: 2,
      failed: 0,
      inputTokens: 0,
      outputTokens: 0,
      handovers: 0,
      redoneLines: 0,
      parts: [{ ...range, sha256: 'hash', vehicleId: 'car-1' }],
    });
    await storeReceipt('car-1');
  });

  const storeReceipt = (vehicleId: string) =>
    objects.put(
      objectKeys.receipt(BATCH, 0, range, vehicleId),
      JSON.stringify({ vehicleId, range, energyWh: 50, deviceMs: 1, partSha256: 'hash' }),
    );

  const pay = (vehicleId: string, kwh: number) =>
    book(database, workBooking({ vehicleId, kwh, reference: `job/${BATCH}/shard/0`, atMs: START_MS }));

  test('holds when the car that did the part has what its receipt claims', async () => {
    await pay('car-1', 0.05);
    expect(await paidOnce(database, objects, BATCH)).toEqual([]);
  });

  test('holds when another car stores the same bytes after the part was accepted', async () => {
    await storeReceipt('car-2');
    await pay('car-1', 0.05);
    expect(await paidOnce(database, objects, BATCH)).toEqual([]);
  });

  test('does not when nobody, the wrong one or too little was paid', async () => {
    expect(await paidOnce(database, objects, BATCH)).toEqual([expect.stringContaining('car-1 has 0 entries')]);
    await pay('car-2', 0.05);
    expect(await paidOnce(database, objects, BATCH)).toContainEqual(
      expect.stringContaining('car-2 is paid without a part'),
    );
    await pay('car-1', 0.01);
    expect(await paidOnce(database, objects, BATCH)).toContainEqual(expect.stringContaining('10 Wh paid of 50'));
  });

  test('does not when more is paid than the meter has counted', async () => {
    await pay('car-1', 0.05);
    const read = (atMs: number, computeKwh: number) =>
      recordMeterReadings(database, CELL, [{ vehicleId: 'car-1', atMs, chargingKwh: 0, computeKwh }]);
    await read(START_MS, 0);
    expect(await paidWithinMeter(database)).toHaveLength(1);
    await read(START_MS + HOUR_MS, 0.06);
    expect(await paidWithinMeter(database)).toEqual([]);
  });
});

test('limits are kept when no slot of the feeder has more energy than its limit leaves', async () => {
  const window = { startMs: START_MS, endMs: START_MS + 2 * HOUR_MS };
  for (const vehicleId of ['car-1', 'car-2'])
    await recordMeterReadings(database, CELL, [
      { vehicleId, atMs: START_MS, chargingKwh: 0, computeKwh: 0 },
      { vehicleId, atMs: START_MS + HOUR_MS, chargingKwh: 5, computeKwh: 0 },
    ]);
  const kept = (availableKw: number) => limitKept(database, { id: 'oslo-1', availableKw }, CELL.slotMinutes, window);
  expect(await kept(10)).toEqual([]);
  expect(await kept(9)).toHaveLength(4);
});

describe('owners are whole', () => {
  const readyByMs = START_MS + 10 * HOUR_MS;
  const leftMs = readyByMs + HOUR_MS;
  const laterMs = leftMs + 24 * HOUR_MS;

  beforeEach(async () => {
    await openParkingSession(database, {
      vehicleId: 'car-1',
      pluggedInAtMs: START_MS,
      readyByMs,
      targetSocPercent: 80,
      arrivalSocPercent: 50,
    });
  });

  const settle = async (socPercent: number, hours: number): Promise<void> => {
    await recordReadyBySoc(database, 'car-1', 1, socPercent);
    await closeParkingSession(database, 'car-1', 1, leftMs);
    await settleParkingSession(database, 'car-1', 1, {});
    await book(database, stayBooking({ vehicleId: 'car-1', hours, reference: 'session/car-1/1', atMs: leftMs }));
  };

  test('when the car was ready and its hours are paid', async () => {
    await settle(80, 11);
    expect(await ownersWhole(database, laterMs)).toEqual([]);
  });

  test('not when it was not, or an hour is missing', async () => {
    await settle(60, 10);
    expect(await ownersWhole(database, laterMs)).toEqual([
      expect.stringContaining('60 % at its ready-by, target 80 %'),
      expect.stringContaining('10 h are paid, 11 h are owed'),
    ]);
  });

  test('when hours are missing in which it slept', async () => {
    const write = (kind: 'asleep' | 'woken', atMs: number, message: string) =>
      appendJournal(database, CELL.id, [{ atMs, kind, subject: 'car-1', message, dedupeKey: message }]);
    await write('asleep', START_MS + HOUR_MS, 'Car sleeps or has no coverage: its connection was closed');
    await write(
      'woken',
      START_MS + 1.25 * HOUR_MS,
      'Car is asleep and is woken: planned to compute in the coming slot',
    );
    await write('woken', START_MS + 2.25 * HOUR_MS, 'Car is online');
    await settle(80, 10);
    expect(await ownersWhole(database, laterMs)).toEqual([]);
  });

  test('not when nobody looked or settled in time, but while there is time', async () => {
    await closeParkingSession(database, 'car-1', 1, leftMs);
    expect(await ownersWhole(database, leftMs)).toEqual([]);
    expect(await ownersWhole(database, laterMs)).toEqual([
      expect.stringContaining('nobody looked'),
      expect.stringContaining('not settled'),
    ]);
  });
});
