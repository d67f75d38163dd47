import { beforeAll, expect, test } from 'vitest';
import { gridDuring } from '../../planning/gridDuring.ts';
import { upsertRegion } from '../../store/regions.ts';
import { upsertSignals, type SignalSpan } from '../../store/signals.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOON_MS = Date.parse('2026-01-14T11:00Z');
const HOUR_MS = 3_600_000;
const at = (hour: number) => NOON_MS + hour * HOUR_MS;

const span = (hours: readonly [number, number], value: number, change: Partial<SignalSpan> = {}): SignalSpan => ({
  regionId: 'oslo',
  feederId: null,
  kind: 'price',
  startMs: at(hours[0]),
  endMs: at(hours[1]),
  value,
  unit: 'EUR/kWh',
  source: 'exchange',
  forecast: false,
  priority: 10,
  fetchedAtMs: NOON_MS,
  ...change,
});

beforeAll(async () => {
  await enrolFleet(database, ['car-1']);
  await upsertRegion(database, { id: 'bergen', cellId: CELL.id, timeZone: 'Europe/Oslo', feeds: {} });
  await upsertSignals(database, [
    span([0, 4], 0.4),
    span([4, 8], 0.1),
    // Alphabetically last, and of a lower rank: plans do not take it.
    span([0, 8], 9, { source: 'zzz', priority: 100 }),
    span([0, 8], 80, { kind: 'carbon', unit: 'g/kWh', regionId: 'bergen' }),
  ]);
});

test('work is priced by the source that plans rank first, over the time in which it was done', async () => {
  expect((await gridDuring(database, 'oslo', { startMs: at(5), endMs: at(6) })).priceEurPerKwh).toBeCloseTo(0.1, 9);
  expect((await gridDuring(database, 'oslo', { startMs: at(3), endMs: at(5) })).priceEurPerKwh).toBeCloseTo(0.25, 9);
});

test('what is missing is the mean of the day, then of other regions, and unknown rather than 0', async () => {
  const night = { startMs: at(12), endMs: at(13) };
  const oslo = await gridDuring(database, 'oslo', night);
  expect(oslo.priceEurPerKwh).toBeCloseTo((0.4 + 0.1 + 9) / 3, 9);
  expect(oslo.carbonGPerKwh).toBe(80);
  const later = { startMs: at(100), endMs: at(101) };
  expect(await gridDuring(database, 'oslo', later)).toEqual({
    priceEurPerKwh: undefined,
    carbonGPerKwh: undefined,
    offPeakShare: 0,
  });
  expect((await gridDuring(database, 'nowhere', night)).priceEurPerKwh).toBeUndefined();
});

test('says how much of the work was off-peak', async () => {
  expect((await gridDuring(database, 'oslo', { startMs: at(5), endMs: at(6) })).offPeakShare).toBe(1);
  expect((await gridDuring(database, 'oslo', { startMs: at(1), endMs: at(2) })).offPeakShare).toBe(0);
  expect((await gridDuring(database, 'oslo', { startMs: at(3), endMs: at(5) })).offPeakShare).toBeCloseTo(0.5, 9);
});
