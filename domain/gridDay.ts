import { DateTime } from 'luxon';

/**
 * The local noon at or before `nowMs`, and the one after it: off-peak windows are found from noon to noon, so that a
 * night is whole. 23, 24 or 25 hours.
 */
export function gridDay(timeZone: string, nowMs: number): { readonly startMs: number; readonly endMs: number } {
  const now = DateTime.fromMillis(nowMs, { zone: timeZone });
  const noon = now.set({ hour: 12, minute: 0, second: 0, millisecond: 0 });
  const start = noon <= now ? noon : noon.minus({ days: 1 });
  return { startMs: start.toMillis(), endMs: start.plus({ days: 1 }).toMillis() };
}
