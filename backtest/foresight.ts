import { DAY_MS } from '../domain/durations.ts';
import { DateTime } from 'luxon';

import { slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import type { PriceForecast } from './scenario.ts';
import type { SignalSeries } from './traces/signals.ts';

export interface SlotSignals {
  readonly priceEurPerKwh: number[];
  readonly carbonGPerKwh: number[];
  readonly ambientCelsius: number[];
}

/** The day-ahead auction of the next local day is published at this hour. */
const AUCTION_HOUR = 13;

/** What happened. Slots behind the series repeat its last day. */
export function actualSignals(signals: SignalSeries, axis: SlotAxis): SlotSignals {
  const endMs = signals.startMs + signals.stepMs * signals.priceEurPerKwh.length;
  return signalsKnown(signals, axis, { priceUntilMs: endMs, priceBackMs: DAY_MS, restUntilMs: endMs });
}

/**
 * What was known at the start of the axis: prices of today, and of tomorrow once the day-ahead auction has been
 * published; carbon and temperature up to now. What was not yet known is taken from the same time of the last day
 * that was.
 * @param marketZone IANA zone whose days the auction sells
 * @param prices `yesterday`, `last-week`: no auction is known, only the price of this moment and those that were
 */
export function foreseenSignals(
  signals: SignalSeries,
  axis: SlotAxis,
  marketZone: string,
  prices: PriceForecast = 'published',
): SlotSignals {
  const now = DateTime.fromMillis(axis.startMs, { zone: marketZone });
  const daysKnown = now.hour >= AUCTION_HOUR ? 2 : 1;
  const publishedUntilMs = now.startOf('day').plus({ days: daysKnown }).toMillis();
  // The step that has begun is measured as it runs, so it counts as known.
  const restUntilMs = axis.startMs + 1;
  return signalsKnown(signals, axis, {
    priceUntilMs: prices === 'published' ? publishedUntilMs : restUntilMs,
    priceBackMs: prices === 'last-week' ? 7 * DAY_MS : DAY_MS,
    restUntilMs,
  });
}

function signalsKnown(
  signals: SignalSeries,
  axis: SlotAxis,
  known: { readonly priceUntilMs: number; readonly priceBackMs: number; readonly restUntilMs: number },
): SlotSignals {
  const endMs = signals.startMs + signals.stepMs * signals.priceEurPerKwh.length;
  const series = (values: Float64Array, untilMs: number, backMs: number): number[] =>
    Array.from({ length: axis.count }, (_, slot) => {
      let atMs = slotStartMs(axis, slot);
      while (atMs >= Math.min(untilMs, endMs)) atMs -= backMs;
      const index = Math.max(0, Math.floor((atMs - signals.startMs) / signals.stepMs));
      return values[index] ?? 0;
    });
  return {
    priceEurPerKwh: series(signals.priceEurPerKwh, known.priceUntilMs, known.priceBackMs),
    carbonGPerKwh: series(signals.carbonGPerKwh, known.restUntilMs, DAY_MS),
    ambientCelsius: series(signals.ambientCelsius, known.restUntilMs, DAY_MS),
  };
}
