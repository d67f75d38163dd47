import { DateTime } from 'luxon';
import { z } from 'zod';

/** A month or a year: 2026-01, 2026. */
export const periodSchema = z.string().regex(/^\d{4}(-(0[1-9]|1[0-2]))?$/, 'must be a month, e.g. 2026-01, or a year');

/** From its first midnight to the one after its last day in the zone; half-open, epoch milliseconds. */
export function periodWindow(period: string, timeZone: string): { readonly startMs: number; readonly endMs: number } {
  const start = DateTime.fromISO(period, { zone: timeZone });
  const end = start.plus(period.length === 4 ? { years: 1 } : { months: 1 });
  return { startMs: start.toMillis(), endMs: end.toMillis() };
}
