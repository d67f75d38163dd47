import { HOUR_MS } from '../../domain/durations.ts';
import { createScenario, type BacktestOptions, type Scenario } from '../../backtest/scenario.ts';
import type { SignalSeries } from '../../backtest/traces/signals.ts';
import type { Stay } from '../../backtest/traces/sessions.ts';

export const OPTIONS: BacktestOptions = {
  timeZone: 'Europe/Oslo',
  marketZone: 'Europe/Berlin',
  readyBy: 'habit',
  prices: 'published',
  missingEurPerKwh: 0,
  // Dearer than any energy here: a shard that is left undone is one that did not fit.
  lateEurPerShard: 1,
  replanMinutes: 60,
  carbonEurPerKg: 0,
  feederShare: 1,
  jobShare: 0,
  seed: 1,
};

/** Monday, midnight in Oslo. */
export const MONDAY_MS = Date.UTC(2020, 1, 2, 23);

export function stay(id: string, day: number, fromHour: number, hours: number, energyKwh: number): Stay {
  const pluggedInMs = MONDAY_MS + (24 * day + fromHour) * HOUR_MS;
  return { id, siteId: 'site', userId: 'user', pluggedInMs, pluggedOutMs: pluggedInMs + hours * HOUR_MS, energyKwh };
}

/** Signals from Monday on; the functions get the hour of the local day. */
export function signals(days: number, priceEurPerKwh: (hour: number, day: number) => number): SignalSeries {
  const hours = Array.from({ length: 24 * days }, (_, index) => index);
  return {
    startMs: MONDAY_MS,
    stepMs: HOUR_MS,
    priceEurPerKwh: Float64Array.from(hours, (index) => priceEurPerKwh(index % 24, Math.floor(index / 24))),
    carbonGPerKwh: Float64Array.from(hours, () => 300),
    ambientCelsius: Float64Array.from(hours, () => 10),
  };
}

export function scenario(stays: Stay[], series: SignalSeries, options: Partial<BacktestOptions> = {}): Scenario {
  const sorted = stays.toSorted((a, b) => a.pluggedInMs - b.pluggedInMs);
  return createScenario({ stays: sorted, skipped: { incomplete: 0, backwards: 0 } }, series, {
    ...OPTIONS,
    ...options,
  });
}
