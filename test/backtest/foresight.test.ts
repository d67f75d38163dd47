import { describe, expect, test } from 'vitest';

import { actualSignals, foreseenSignals } from '../../backtest/foresight.ts';
import { MONDAY_MS, signals } from './scenarioBuilder.ts';

const series = signals(4, (hour, day) => 100 * day + hour);
const HOURS = 48;
const axisFrom = (hour: number) => ({ startMs: MONDAY_MS + hour * 3_600_000, slotMinutes: 60, count: HOURS });

describe('foreseenSignals', () => {
  test('knows the prices of today before the auction, and takes tomorrow from today', () => {
    const { priceEurPerKwh } = foreseenSignals(series, axisFrom(24 + 12), 'Europe/Berlin');
    expect(priceEurPerKwh[11]).toBe(123);
    expect(priceEurPerKwh[12]).toBe(100);
    expect(priceEurPerKwh[35]).toBe(123);
  });

  test('knows the prices of tomorrow after the auction', () => {
    const { priceEurPerKwh } = foreseenSignals(series, axisFrom(24 + 13), 'Europe/Berlin');
    expect(priceEurPerKwh[34]).toBe(223);
    expect(priceEurPerKwh[35]).toBe(200);
  });

  test('takes carbon behind now from the day before', () => {
    const rising = { ...series, carbonGPerKwh: Float64Array.from({ length: 96 }, (_, hour) => hour) };
    const { carbonGPerKwh } = foreseenSignals(rising, axisFrom(30), 'Europe/Berlin');
    expect(carbonGPerKwh.slice(0, 3)).toEqual([30, 7, 8]);
    expect(actualSignals(rising, axisFrom(30)).carbonGPerKwh.slice(0, 3)).toEqual([30, 31, 32]);
  });
});
