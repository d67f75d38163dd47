import { describe, expect, test } from 'vitest';

import { readSignals } from '../../../backtest/traces/signals.ts';

const HEADER = 'utc,price_eur_per_mwh,carbon_g_per_kwh,temp_c_hill,temp_c_sea';

describe('readSignals', () => {
  test('reads prices per kWh and the first temperature, or the one that is asked for', () => {
    const text = `${HEADER}\n2020-01-01 00:00:00,38.6,352,1.1,4\n2020-01-01 01:00:00,-5,347,1.4,4.5\n`;
    expect(readSignals(text, 'g.csv')).toEqual({
      startMs: Date.UTC(2020, 0, 1),
      stepMs: 3_600_000,
      priceEurPerKwh: Float64Array.of(0.0386, -0.005),
      carbonGPerKwh: Float64Array.of(352, 347),
      ambientCelsius: Float64Array.of(1.1, 1.4),
    });
    expect([...readSignals(text, 'g.csv', 'temp_c_sea').ambientCelsius]).toEqual([4, 4.5]);
  });

  test('refuses a gap, with the line and the time that was expected', () => {
    const text = `${HEADER}\n2020-01-01 00:00:00,1,1,1,1\n2020-01-01 01:00:00,1,1,1,1\n2020-01-01 03:00:00,1,1,1,1\n`;
    expect(() => readSignals(text, 'g.csv')).toThrow(
      'g.csv line 4, column "utc": 2020-01-01T02:00:00.000Z was expected, since steps are 60 minutes.',
    );
  });

  test('refuses a file without temperature', () => {
    expect(() => readSignals('utc,price_eur_per_mwh,carbon_g_per_kwh\n', 'g.csv')).toThrow('begins with "temp_c"');
  });
});
