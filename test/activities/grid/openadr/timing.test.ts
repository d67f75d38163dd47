import { HOUR_MS } from '../../../../domain/durations.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { occurrencesOf, spanOf, subIntervals } from '../../../../activities/grid/openadr/timing.ts';
import { wireEventSchema, type WireEvent } from '../../../../activities/grid/openadr/wire.ts';

const START = '2026-02-10T00:00:00Z';
const START_MS = Date.parse(START);
const ANCHOR_MS = START_MS + 7 * HOUR_MS;
const EVER = { startMs: 0, endMs: START_MS + 10_000 * HOUR_MS };

type Sent = Record<string, unknown>;
function event(sent: Sent): WireEvent {
  return wireEventSchema.parse({ id: 'e', programID: 'p', ...sent });
}
const payloads = [{ type: 'PRICE', values: [1] }];

/** `7@0-1 9@1-2`: interval ids with their hours since the start. */
function drawn(sent: Sent, window = EVER): string {
  return occurrencesOf(event(sent), ANCHOR_MS, 'site', window)
    .map(({ intervalId, startMs, endMs }) => `${intervalId}@${hours(startMs)}-${hours(endMs)}`)
    .join(' ');
}
const hours = (ms: number): number => (ms - START_MS) / HOUR_MS;
const two = [
  { id: 7, payloads },
  { id: 9, payloads },
];
const hourly = { start: START, duration: 'PT1H' };

describe('intervals', () => {
  test.each<[string, Sent, string]>([
    ['follow each other', { intervalPeriod: hourly, intervals: two }, '7@0-1 9@1-2'],
    [
      'override the event field by field: only the duration',
      {
        intervalPeriod: hourly,
        intervals: [
          { id: 1, payloads, intervalPeriod: { duration: 'PT2H' } },
          { id: 2, payloads },
        ],
      },
      '1@0-2 2@2-3',
    ],
    [
      'override the event field by field: only the start, which leaves a gap',
      {
        intervalPeriod: hourly,
        intervals: [
          { id: 1, payloads },
          { id: 2, payloads, intervalPeriod: { start: '2026-02-10T05:00:00Z' } },
        ],
      },
      '1@0-1 2@5-6',
    ],
    [
      'begin at receipt when the start is now',
      { intervalPeriod: { ...hourly, start: '0001-01-01' }, intervals: two },
      '7@7-8 9@8-9',
    ],
    [
      'follow the one before when a later start is now',
      {
        intervalPeriod: hourly,
        intervals: [
          { id: 1, payloads },
          { id: 2, payloads, intervalPeriod: { start: '0001-01-01T00:00:00Z' } },
        ],
      },
      '1@0-1 2@1-2',
    ],
    [
      'loop when the event lasts longer',
      { intervalPeriod: hourly, duration: 'PT5H', intervals: two },
      '7@0-1 9@1-2 7@2-3 9@3-4 7@4-5',
    ],
    [
      'are cut when the event is shorter',
      { intervalPeriod: hourly, duration: 'PT1H30M', intervals: two },
      '7@0-1 9@1-1.5',
    ],
    [
      'do not loop for the schema’s default of PT0S',
      { intervalPeriod: hourly, duration: 'PT0S', intervals: two },
      '7@0-1 9@1-2',
    ],
    ['do not loop for null', { intervalPeriod: hourly, duration: null, intervals: two }, '7@0-1 9@1-2'],
    [
      'of no length say nothing: a cancelled event',
      { intervalPeriod: { start: '0001-01-01', duration: 'PT0S' }, intervals: two },
      '',
    ],
    ['may be missing: a report request', { intervalPeriod: { start: '0001-01-01', duration: 'PT0H' } }, ''],
    [
      'without a duration last to the next stated start',
      {
        intervalPeriod: { start: START },
        intervals: [
          { id: 1, payloads },
          { id: 2, payloads, intervalPeriod: { start: '2026-02-10T03:00Z', duration: 'PT1H' } },
        ],
      },
      '1@0-3 2@3-4',
    ],
    [
      'without a duration last to the event’s end',
      { intervalPeriod: { start: START }, duration: 'PT4H', intervals: [{ id: 1, payloads }] },
      '1@0-4',
    ],
    [
      'that overlap are cut at the next start',
      {
        intervalPeriod: hourly,
        intervals: [
          { id: 1, payloads, intervalPeriod: { duration: 'PT5H' } },
          { id: 2, payloads, intervalPeriod: { start: '2026-02-10T02:00:00Z' } },
        ],
      },
      '1@0-2 2@2-3',
    ],
    [
      'count calendar days as 24 hours of UTC',
      { intervalPeriod: { start: '2026-02-10 00:00:00', duration: 'P1D' }, intervals: two },
      '7@0-24 9@24-48',
    ],
  ])('%s', (_, sent, expected) => {
    expect(drawn(sent)).toBe(expected);
  });

  test.each(['P9999Y', 'P9999Y0M0DT0H0M0S'])('of %s have no end', (duration) => {
    expect(drawn({ intervalPeriod: { start: START, duration }, intervals: [{ id: 1, payloads }] })).toBe(
      '1@0-Infinity',
    );
  });

  test('loop for ever when the event is endless; only those in the window are laid out', () => {
    const window = { startMs: START_MS + 100 * HOUR_MS, endMs: START_MS + 102 * HOUR_MS };
    expect(drawn({ intervalPeriod: hourly, duration: 'P9999Y', intervals: two }, window)).toBe('7@100-101 9@101-102');
  });

  test('cannot follow one without an end, and an event needs a start', () => {
    expect(() => drawn({ intervalPeriod: { start: START, duration: 'P9999Y' }, intervals: two })).toThrow(
      'without an end',
    );
    expect(() => drawn({ intervalPeriod: { duration: 'PT1H' }, intervals: two })).toThrow('intervalPeriod.start');
  });

  test('a window of very many loops is refused instead of filling the memory', () => {
    const sent = {
      intervalPeriod: { start: START, duration: 'PT0.01S' },
      duration: 'P9999Y',
      intervals: [{ id: 1, payloads }],
    };
    expect(() => drawn(sent)).toThrow('20000 intervals');
  });
});

describe('a random start', () => {
  const sent = { intervalPeriod: { ...hourly, randomizeStart: 'PT15M' }, intervals: two };

  test('is the same whoever asks again, moves later intervals too, and stays within its range', () => {
    const [first, second] = occurrencesOf(event(sent), ANCHOR_MS, 'site', EVER);
    expect(drawn(sent)).toBe(drawn(sent));
    const shift = (first?.startMs ?? 0) - START_MS;
    expect(shift).not.toBe(0);
    expect(Math.abs(shift)).toBeLessThanOrEqual(HOUR_MS / 4);
    expect(second?.startMs).toBe(first?.endMs);
    expect((second?.endMs ?? 0) - START_MS).toBe(2 * HOUR_MS + shift);
  });

  test('differs from site to site', () => {
    const starts = Array.from(
      { length: 20 },
      (_, site) => occurrencesOf(event(sent), ANCHOR_MS, `${site}`, EVER)[0]?.startMs,
    );
    expect(new Set(starts).size).toBeGreaterThan(15);
  });
});

const minutes = (least: number) => fc.integer({ min: least, max: 90 }).map((count) => `PT${count}M`);
const anyEvent = fc
  .record({
    intervals: fc.array(
      fc.record({
        gap: fc.option(fc.integer({ min: 0, max: 60 })),
        duration: fc.option(minutes(1)),
        range: fc.option(minutes(0), { freq: 4 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    common: minutes(1),
    duration: fc.option(minutes(1).map((text) => text.replace('M', 'H'))),
    range: fc.option(minutes(0), { freq: 4 }),
  })
  .map(({ intervals, common, duration, range }) => {
    let atMs = START_MS;
    return {
      duration,
      intervalPeriod: { start: START, duration: common, randomizeStart: range },
      intervals: intervals.map(({ gap, duration: own, range: ownRange }, index) => {
        const startMs = atMs + (gap ?? 0) * 60_000;
        atMs = startMs + Number((own ?? common).slice(2, -1)) * 60_000;
        const start = gap !== null && index > 0 ? { start: new Date(startMs).toISOString() } : {};
        if (gap !== null && index === 0) atMs -= gap * 60_000;
        return { id: 100 - index, payloads, intervalPeriod: { ...start, duration: own, randomizeStart: ownRange } };
      }),
    };
  });

describe('for every event', () => {
  test('occurrences are in order, do not overlap, are not empty, and lie within the event', () => {
    fc.assert(
      fc.property(anyEvent, (sent) => {
        const read = event(sent);
        const span = spanOf(read, ANCHOR_MS, 'site');
        const found = occurrencesOf(read, ANCHOR_MS, 'site', EVER);
        for (const [index, { startMs, endMs, position }] of found.entries()) {
          expect(startMs).toBeLessThan(endMs);
          expect(startMs).toBeGreaterThanOrEqual(found[index - 1]?.endMs ?? span?.startMs ?? 0);
          expect(endMs).toBeLessThanOrEqual(span?.endMs ?? 0);
          expect(position).toBeGreaterThan(found[index - 1]?.position ?? -1);
        }
        if (sent.duration !== null && found.length > 0 && span) {
          expect(span.endMs - span.startMs).toBe(Number(sent.duration.slice(2, -1)) * HOUR_MS);
        }
      }),
    );
  });

  test('a window shows what the whole shows there', () => {
    fc.assert(
      fc.property(
        anyEvent,
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 1, max: 600 }),
        (sent, from, length) => {
          const window = { startMs: START_MS + from * 60_000, endMs: START_MS + (from + length) * 60_000 };
          const whole = occurrencesOf(event(sent), ANCHOR_MS, 'site', EVER);
          const touching = whole.filter(({ startMs, endMs }) => startMs < window.endMs && endMs > window.startMs);
          expect(occurrencesOf(event(sent), ANCHOR_MS, 'site', window)).toEqual(touching);
        },
      ),
    );
  });
});

test('n values divide their interval without a gap, also where the event cuts it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 97 }),
      fc.integer({ min: 100, max: 100_000 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (count, totalMs, part) => {
        const endMs = Math.max(1, Math.round(totalMs * part));
        const occurrence = { intervalId: 1, position: 0, startMs: 0, endMs, fullEndMs: totalMs, payloads: [] };
        const pieces = subIntervals(
          occurrence,
          Array.from({ length: count }, (_, index) => index),
        );
        expect(pieces[0]?.startMs).toBe(0);
        expect(pieces.at(-1)?.endMs).toBe(endMs);
        for (const [index, piece] of pieces.entries()) {
          expect(piece.startMs).toBe(pieces[index - 1]?.endMs ?? 0);
          expect(piece.startMs).toBe(Math.round((totalMs * piece.value) / count));
        }
      },
    ),
  );
});
