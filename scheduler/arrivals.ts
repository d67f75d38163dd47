import { DAY_MS, HOUR_MS } from '../domain/durations.ts';

/** A stay that has begun: when, where, and what it asked for. */
export interface Arrival {
  readonly feederId: string;
  readonly pluggedInMs: number;
  /** kWh at the plug. */
  readonly kwh: number;
}

/** A stay that may still begin. */
export interface ComingArrival {
  readonly inMs: number;
  /** kWh at the plug. */
  readonly kwh: number;
}

/** Days of arrivals that are looked back on. */
export const ARRIVAL_DAYS = 28;
/** An evening and a night: who arrives later than that belongs to the next one. */
const AHEAD_MS = 12 * HOUR_MS;

/**
 * By feeder, what arrived within twelve hours after this time of day on that of the last 28 days on which most energy
 * did. What may come, not what is likely: it guards promises. Days are 24 hours long; a clock change moves habits by an
 * hour for a few weeks.
 * @param arrivals of any time; those after `nowMs` are not looked at
 * @param nowMs grid time, epoch milliseconds
 */
export function fullestArrivals(arrivals: Iterable<Arrival>, nowMs: number): Map<string, readonly ComingArrival[]> {
  const byFeeder = new Map<string, Map<number, ComingArrival[]>>();
  for (const { feederId, pluggedInMs, kwh } of arrivals) {
    const day = Math.floor((nowMs - pluggedInMs) / DAY_MS);
    const inMs = DAY_MS - (nowMs - pluggedInMs - day * DAY_MS);
    if (pluggedInMs >= nowMs || day >= ARRIVAL_DAYS || inMs > AHEAD_MS) continue;
    const days = byFeeder.get(feederId) ?? new Map<number, ComingArrival[]>();
    days.set(day, [...(days.get(day) ?? []), { inMs, kwh }]);
    byFeeder.set(feederId, days);
  }
  return new Map([...byFeeder].map(([feederId, days]) => [feederId, fullestOf([...days.values()])]));
}

function fullestOf(days: readonly (readonly ComingArrival[])[]): readonly ComingArrival[] {
  let [fullest, mostKwh]: [readonly ComingArrival[], number] = [[], 0];
  for (const day of days) {
    const kwh = day.reduce((sum, arrival) => sum + arrival.kwh, 0);
    if (kwh > mostKwh) [fullest, mostKwh] = [day, kwh];
  }
  return fullest;
}
