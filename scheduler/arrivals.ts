/** A stay that has begun: when, where, and what it asked for. */
import { DAY_MS } from '../domain/durations.ts';
export interface Arrival {
  readonly feederId: string;
  readonly pluggedInMs: number;
  /** kWh at the plug. */
  readonly kwh: number;
}

/** Days of arrivals that are looked back on. */
export const ARRIVAL_DAYS = 28;
/** An evening and a night: who arrives later than that belongs to the next one. */
const AHEAD_MS = 12 * 3_600_000;

/**
 * The most energy, kWh at the plug, that arrived on each feeder within twelve hours after this time of day, on any of
 * the last 28 days. What may come, not what is likely: it guards promises. Days are 24 hours long; a clock change moves
 * habits by an hour for a few weeks.
 * @param arrivals of any time; those after `nowMs` are not looked at
 * @param nowMs grid time, epoch milliseconds
 */
export function arrivingKwh(arrivals: Iterable<Arrival>, nowMs: number): Map<string, number> {
  const byDay = new Map<string, Float64Array>();
  for (const { feederId, pluggedInMs, kwh } of arrivals) {
    const day = Math.floor((nowMs - pluggedInMs) / DAY_MS);
    const intoDayMs = DAY_MS - (nowMs - pluggedInMs - day * DAY_MS);
    if (pluggedInMs >= nowMs || day >= ARRIVAL_DAYS || intoDayMs > AHEAD_MS) continue;
    const days = byDay.get(feederId) ?? new Float64Array(ARRIVAL_DAYS);
    days[day] = (days[day] ?? 0) + kwh;
    byDay.set(feederId, days);
  }
  return new Map([...byDay].map(([feederId, days]) => [feederId, Math.max(...days)]));
}
