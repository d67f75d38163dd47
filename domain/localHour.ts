import { HOUR_MS } from './durations.ts';
import { DateTime } from 'luxon';

const MAX_REMEMBERED = 200_000;
const remembered = new Map<string, { readonly hour: number; readonly weekday: number }>();

/**
 * Hour of the day and weekday (Monday is 1) in the zone at a grid time, to the hour: survival curves ask for the same
 * hours for every car, and luxon takes microseconds for each.
 */
export function localHour(timeZone: string, atMs: number): { readonly hour: number; readonly weekday: number } {
  const hourMs = Math.floor(atMs / HOUR_MS) * HOUR_MS;
  const key = `${timeZone} ${hourMs}`;
  const known = remembered.get(key);
  if (known) return known;
  const { hour, weekday } = DateTime.fromMillis(hourMs, { zone: timeZone });
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(key, { hour, weekday });
  return { hour, weekday };
}
