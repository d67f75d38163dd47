import { DateTime } from 'luxon';

import { slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import type { SignalSeries } from './traces/signals.ts';

export interface SlotSignals {
  readonly priceEurPerKwh: number[];
  readonly carbonGPerKwh: number[];
  readonly ambientCelsius: number[];
}

const DAY_MS = 86_400_000;
/** The day-ahead auction of the next local day is published at this hour. */
const AUCTION_HOUR = 13;

/** What happened. Slots behind the series repeat its last day. */
export function actualSignals(signals: SignalSeries, axis: SlotAxis): SlotSignals {
  const endMs = signals.startMs + signals.stepMs * signals.priceEurPerKwh.length;
  return signalsKnown(signals, axis, { priceUntilMs: endMs, restUntilMs: endMs });
}

/**
 * What was known at the start of the axis: prices of today, and of tomorrow once the day-ahead auction has been
 * published; carbon and temperature up to now. What was not yet known is taken from the same time of the last day
 * that was.
 * @param marketZone IANA zone whose days the auction sells
 */
export function foreseenSignals(signals: SignalSeries, axis: SlotAxis, marketZone: string): SlotSignals {
  const now = DateTime.fromMillis(axis.startMs, { zone: marketZone });
  const daysKnown = now.hour >= AUCTION_HOUR ? 2 : 1;
  const priceUntilMs = now.startOf('day').plus({ days: daysKnown }).toMillis();
  // The step that has begun is measured as it runs, so it counts as known.
  return signalsKnown(signals, axis, { priceUntilMs, restUntilMs: axis.startMs + 1 });
}

function signalsKnown(
  signals: SignalSeries,
  axis: SlotAxis,
  known: { readonly priceUntilMs: number; readonly restUntilMs: number },
): SlotSignals {
  const endMs = signals.startMs + signals.stepMs * signals.priceEurPerKwh.length;
  const series = (values: Float64Array, untilMs: number): number[] =>
    Array.from({ length: axis.count }, (_, slot) => {
      let atMs = slotStartMs(axis, slot);
      while (atMs >= Math.min(untilMs, endMs)) atMs -= DAY_MS;
      const index = Math.max(0, Math.floor((atMs - signals.startMs) / signals.stepMs));
      return values[index] ?? 0;
    });
  return {
    priceEurPerKwh: series(signals.priceEurPerKwh, known.priceUntilMs),
    carbonGPerKwh: series(signals.carbonGPerKwh, known.restUntilMs),
    ambientCelsius: series(signals.ambientCelsius, known.restUntilMs),
  };
}
