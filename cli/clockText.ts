import { DateTime, IANAZone } from 'luxon';

import { NightshiftError } from '../domain/errors.ts';

/** Writes an instant (epoch ms) as people read it, such as `Mon 18:30`. */
export type ClockText = (atMs: number) => string;

/** @throws NightshiftError invalid_request for a zone that the IANA database does not have */
export function clockText(timeZone: string, format: string): ClockText {
  if (!IANAZone.isValidZone(timeZone)) {
    const message = `${JSON.stringify(timeZone)} is not an IANA time zone such as Europe/Oslo.`;
    throw new NightshiftError('invalid_request', message, { field: 'time-zone' });
  }
  return (atMs) => DateTime.fromMillis(atMs, { zone: timeZone, locale: 'en' }).toFormat(format);
}
