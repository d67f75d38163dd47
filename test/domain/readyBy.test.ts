import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { nextReadyByMs } from '../../domain/readyBy.ts';

const utc = (iso: string): number => Date.parse(iso);
const iso = (ms: number): string => new Date(ms).toISOString();

describe('the next ready-by', () => {
  test.each([
    ['this evening for tomorrow', '07:30', 'Europe/Berlin', '2026-01-14T18:00:00Z', '2026-01-15T06:30:00.000Z'],
    ['in the night for the same day', '07:30', 'Europe/Berlin', '2026-01-15T01:00:00Z', '2026-01-15T06:30:00.000Z'],
    ['at the very instant: the next day', '07:30', 'Europe/Berlin', '2026-01-15T06:30:00Z', '2026-01-16T06:30:00.000Z'],
    ['over the spring change', '07:30', 'Europe/Berlin', '2026-03-28T18:00:00Z', '2026-03-29T05:30:00.000Z'],
    ['over the autumn change', '07:30', 'Europe/Berlin', '2026-10-24T18:00:00Z', '2026-10-25T06:30:00.000Z'],
    [
      'a time that occurs twice: the earlier',
      '02:30',
      'Europe/Berlin',
      '2026-10-24T18:00:00Z',
      '2026-10-25T00:30:00.000Z',
    ],
    ['half-hour change', '07:30', 'Australia/Lord_Howe', '2026-10-03T06:00:00Z', '2026-10-03T20:30:00.000Z'],
  ])('%s', (_, readyBy, timeZone, after, expected) => {
    expect(iso(nextReadyByMs({ readyBy, timeZone }, utc(after)))).toBe(expected);
  });
});

test('it is always ahead, within 26 hours, and shows the owner’s time unless the clock skips it', () => {
  const zones = ['Europe/Berlin', 'Europe/Lisbon', 'Australia/Lord_Howe', 'Antarctica/Troll', 'Africa/Cairo'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      fc.integer({ min: utc('2026-01-01T00:00:00Z'), max: utc('2026-12-31T00:00:00Z') }),
      (timeZone, hour, minute, afterMs) => {
        const readyBy = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
        const readyByMs = nextReadyByMs({ readyBy, timeZone }, afterMs);
        expect(readyByMs).toBeGreaterThan(afterMs);
        expect(readyByMs - afterMs).toBeLessThanOrEqual(26 * 3_600_000);
        const shown = DateTime.fromMillis(readyByMs, { zone: timeZone });
        const skippedByTheClock = shown.minus({ hours: 2 }).offset !== shown.offset;
        if (!skippedByTheClock) expect(shown.toFormat('HH:mm')).toBe(readyBy);
      },
    ),
  );
});
