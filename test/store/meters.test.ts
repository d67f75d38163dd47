import { MINUTE_MS } from '../../domain/durations.ts';
import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

import { readJournal } from '../../store/journal.ts';
import { listMeterIntervals, recordMeterReadings, splitOverSlots, type VehicleReading } from '../../store/meters.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const START_MS = Date.UTC(2026, 0, 10, 22);
const WINDOW = { startMs: START_MS - 86_400_000, endMs: START_MS + 7 * 86_400_000 };

beforeAll(() => enrolFleet(database, ['steady', 'late', 'reset', 'property']));

function reading(vehicleId: string, minute: number, chargingKwh: number, computeKwh = 0): VehicleReading {
  return { vehicleId, atMs: START_MS + minute * MINUTE_MS, chargingKwh, computeKwh };
}

async function slots(vehicleId: string): Promise<string[]> {
  const intervals = await listMeterIntervals(database, CELL.id, WINDOW);
  return intervals
    .filter((interval) => interval.vehicleId === vehicleId)
    .map((interval) => {
      const minute = (interval.slotStartMs - START_MS) / MINUTE_MS;
      return `${minute}: ${interval.chargingKwh.toFixed(3)} ${interval.computeKwh.toFixed(3)}`;
    });
}

test('counts from the first reading on and splits over slot boundaries by time', async () => {
  await recordMeterReadings(database, CELL, [reading('steady', 5, 100, 50)]);
  await recordMeterReadings(database, CELL, [reading('steady', 20, 103, 51.5), reading('steady', 25, 103.5, 52)]);
  expect(await slots('steady')).toEqual(['0: 2.000 1.000', '15: 1.500 1.000']);
});

test('late, repeated and unknown readings change nothing', async () => {
  await recordMeterReadings(database, CELL, [reading('late', 10, 2), reading('late', 0, 1)]);
  for (const again of [reading('late', 10, 2), reading('late', 5, 1.5), reading('stranger', 5, 9)]) {
    await recordMeterReadings(database, CELL, [again]);
  }
  expect(await slots('late')).toEqual(['0: 1.000 0.000']);
  expect(await slots('stranger')).toEqual([]);
});

test('a register that fell is refused with one line, and no energy is paid twice', async () => {
  await recordMeterReadings(database, CELL, [reading('reset', 0, 0), reading('reset', 5, 4)]);
  await recordMeterReadings(database, CELL, [reading('reset', 6, 0)]);
  await recordMeterReadings(database, CELL, [reading('reset', 7, 2)]);
  expect(await slots('reset')).toEqual(['0: 4.000 0.000']);
  const lines = (await readJournal(database, CELL.id, 0, 100)).filter((line) => line.subject === 'reset');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ kind: 'fallback', reasons: [{ code: 'meter_register_fell', value: 0, limit: 4 }] });
  await recordMeterReadings(database, CELL, [reading('reset', 8, 5)]);
  expect(await slots('reset')).toEqual(['0: 5.000 0.000']);
});

test('a split neither loses nor makes energy, and its slots are aligned and in order', () => {
  const slotMs = 15 * MINUTE_MS;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 * slotMs }),
      fc.integer({ min: 1, max: 10 * slotMs }),
      fc.double({ min: 0, max: 50, noNaN: true }),
      fc.double({ min: 0, max: 50, noNaN: true }),
      (startMs, durationMs, chargingKwh, computeKwh) => {
        const intervals = splitOverSlots(
          { atMs: startMs, chargingKwh: 1, computeKwh: 2 },
          { atMs: startMs + durationMs, chargingKwh: 1 + chargingKwh, computeKwh: 2 + computeKwh },
          slotMs,
        );
        const total = (read: (interval: (typeof intervals)[number]) => number): number =>
          intervals.reduce((sum, interval) => sum + read(interval), 0);
        expect(total((interval) => interval.chargingKwh)).toBeCloseTo(chargingKwh, 9);
        expect(total((interval) => interval.computeKwh)).toBeCloseTo(computeKwh, 9);
        for (const [index, interval] of intervals.entries()) {
          expect(interval.slotStartMs % slotMs).toBe(0);
          expect(interval.slotStartMs).toBe((intervals[0]?.slotStartMs ?? 0) + index * slotMs);
          expect(interval.chargingKwh).toBeGreaterThanOrEqual(0);
        }
      },
    ),
  );
});
