import { DateTime, Duration } from 'luxon';

/** A length of time as ISO 8601 has it: calendar years and months stay what they are until they are added. */
export type WireDuration = Duration | 'infinite';

/** Any length from here on is OpenADR's infinity: servers write it as P9999Y or P9999Y0M0DT0H0M0S. */
const INFINITE_YEARS = 9999;
/** What the database and the rest of the code have instants for. */
const FIRST_MS = Date.UTC(1970, 0);
const LAST_MS = Date.UTC(9999, 11, 31);
/** The start that means "now" (first interval) or "right after the one before". */
const NOW = /^0001-01-01([T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?$/i;
const HAS_ZONE = /(Z|[+-]\d{2}:?\d{2})$/i;

/**
 * Reads a start. Seconds, the `T` and the zone may be missing; without a zone it is UTC.
 * @returns epoch milliseconds, `now`, or undefined for what is no instant from 1970 to 9999
 */
export function parseWireStart(text: string): number | 'now' | undefined {
  const trimmed = text.trim();
  if (NOW.test(trimmed)) return 'now';
  const iso = trimmed.replace(' ', 'T');
  const read = DateTime.fromISO(HAS_ZONE.test(iso) ? iso : `${iso}Z`, { zone: 'utc' });
  const atMs = read.toMillis();
  return atMs >= FIRST_MS && atMs <= LAST_MS ? atMs : undefined;
}

/** @returns undefined for what is no duration, or a negative one */
export function parseWireDuration(text: string): WireDuration | undefined {
  const duration = Duration.fromISO(text.trim());
  if (!duration.isValid) return undefined;
  if (duration.years >= INFINITE_YEARS) return 'infinite';
  return duration.toMillis() < 0 ? undefined : duration;
}

/**
 * Adds on the UTC calendar, where a day is 24 hours: OpenADR has no field for a time zone. What ends after 9999 has no end.
 */
export function addDuration(startMs: number, duration: WireDuration): number {
  if (duration === 'infinite') return Number.POSITIVE_INFINITY;
  const endMs = DateTime.fromMillis(startMs, { zone: 'utc' }).plus(duration).toMillis();
  return endMs <= LAST_MS ? endMs : Number.POSITIVE_INFINITY;
}

export function isZero(duration: WireDuration): boolean {
  return duration !== 'infinite' && duration.toMillis() === 0;
}
