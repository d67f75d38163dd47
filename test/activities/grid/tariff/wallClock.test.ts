import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';

import { expandWallClock, type WallClock } from '../../../../activities/grid/tariff/wallClock.ts';

const QUARTER_MS = 15 * MINUTE_MS;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour * 60);
const ZONES = ['Europe/Berlin', 'Australia/Lord_Howe', 'Antarctica/Troll', 'Africa/Cairo', 'Pacific/Apia'] as const;

/** What the clock shows, told by the platform and not by the library under the code: `YYYY-MM-DD HH:MM`. */
function platformClock(timeZone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return (atMs) => format.format(atMs);
}

const hourOf = ({ minuteOfDay }: WallClock): number => Math.floor(minuteOfDay / 60);
const monthOf = ({ month }: WallClock): number => month;
const halfHourOf = ({ minuteOfDay }: WallClock): number => Math.floor((minuteOfDay - 30) / 60);

test.each([...ZONES.map((zone) => [zone, 2026] as const), ['Pacific/Apia', 2011] as const])(
  'a year of %s in %i: every quarter hour has the value that its clock shows',
  (zone, year) => {
    const window = { startMs: Date.UTC(year, 0, 1), endMs: Date.UTC(year + 1, 0, 1) };
    const shown = platformClock(zone);
    const spans = expandWallClock(zone, window, HOURS, hourOf);
    let index = 0;
    for (let atMs = window.startMs; atMs < window.endMs; atMs += QUARTER_MS) {
      while ((spans[index]?.endMs ?? window.endMs) <= atMs) index++;
      const span = spans[index];
      if (span?.value === Number(shown(atMs).slice(11, 13)) && span.startMs <= atMs) continue;
      expect.fail(
        `at ${new Date(atMs).toISOString()} the clock shows ${shown(atMs)}, the span ${JSON.stringify(span)}`,
      );
    }
    expect(spans[0]?.startMs).toBe(window.startMs);
    expect(spans.at(-1)?.endMs).toBe(window.endMs);
    for (const [at, span] of spans.entries()) if (at > 0) expect(span.startMs).toBe(spans[at - 1]?.endMs);
  },
  60_000,
);

describe('days of a clock change', () => {
  test.each([
    ['Europe/Berlin', '2026-03-29', 92],
    ['Europe/Berlin', '2026-10-25', 100],
    ['Australia/Lord_Howe', '2026-10-04', 94],
    ['Australia/Lord_Howe', '2026-04-05', 98],
    ['Antarctica/Troll', '2026-03-29', 88],
    ['Antarctica/Troll', '2026-10-25', 104],
    ['Africa/Cairo', '2026-04-24', 92],
    ['Pacific/Apia', '2011-12-29', 96],
    ['Pacific/Apia', '2011-12-30', 0],
    ['Pacific/Apia', '2011-12-31', 96],
  ])('%s %s has %i quarter hours', (zone, date, quarters) => {
    const middleMs = Date.parse(`${date}T12:00Z`);
    const window = { startMs: middleMs - 2 * DAY_MS, endMs: middleMs + 2 * DAY_MS };
    const spans = expandWallClock(zone, window, [], (clock) => (clock.date === date ? 1 : 0));
    const ofTheDay = spans.filter(({ value }) => value === 1);
    expect(ofTheDay.reduce((sum, { startMs, endMs }) => sum + (endMs - startMs) / QUARTER_MS, 0)).toBe(quarters);
    expect(ofTheDay.length).toBe(quarters === 0 ? 0 : 1);
  });

  test('18:00 is 18:00 on the day that began an hour early or late', () => {
    for (const [date, utc] of [
      ['2026-03-29', '2026-03-29T16:00:00.000Z'],
      ['2026-10-25', '2026-10-25T17:00:00.000Z'],
    ] as const) {
      const middleMs = Date.parse(`${date}T12:00Z`);
      const window = { startMs: middleMs - 12 * HOUR_MS, endMs: middleMs + 10 * HOUR_MS };
      const spans = expandWallClock('Europe/Berlin', window, [18 * 60], (c) => Number(c.minuteOfDay >= 18 * 60));
      expect(spans.filter(({ value }) => value === 1).map(({ startMs }) => new Date(startMs).toISOString())).toContain(
        utc,
      );
    }
  });

  test('a boundary in the hour that comes twice holds twice, one in the hour that is missing holds from its end', () => {
    const night = { startMs: Date.parse('2026-10-25T00:00Z'), endMs: Date.parse('2026-10-25T02:00Z') };
    const spans = expandWallClock('Europe/Berlin', night, [150], (clock) => Number(clock.minuteOfDay >= 150));
    expect(spans.map(({ startMs, value }) => [new Date(startMs).toISOString().slice(11, 16), value])).toEqual([
      ['00:00', 0],
      ['00:30', 1],
      ['01:00', 0],
      ['01:30', 1],
    ]);
    const spring = { startMs: Date.parse('2026-03-29T00:00Z'), endMs: Date.parse('2026-03-29T02:00Z') };
    expect(expandWallClock('Europe/Berlin', spring, [150], (c) => Number(c.minuteOfDay >= 150))).toEqual([
      { startMs: spring.startMs, endMs: Date.parse('2026-03-29T01:00Z'), value: 0 },
      { startMs: Date.parse('2026-03-29T01:00Z'), endMs: spring.endMs, value: 1 },
    ]);
  });
});

test('every zone of the platform: two months are covered without gap, and clocks on the half hour are met', () => {
  const window = { startMs: Date.UTC(2026, 2, 1), endMs: Date.UTC(2026, 4, 1) };
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const shown = platformClock(zone);
    const spans = expandWallClock(zone, window, [], monthOf);
    for (const [at, span] of spans.entries()) {
      if (at > 0) expect(span.startMs).toBe(spans[at - 1]?.endMs);
      expect(Number(shown(span.startMs).slice(5, 7)), `${zone} ${new Date(span.startMs).toISOString()}`).toBe(
        span.value,
      );
      expect(Number(shown(span.endMs - 1).slice(5, 7))).toBe(span.value);
    }
    const day = { startMs: window.startMs, endMs: window.startMs + DAY_MS };
    for (const { startMs, value } of expandWallClock(
      zone,
      day,
      HOURS.map((minute) => minute + 30),
      halfHourOf,
    )) {
      const [hour, minute] = [Number(shown(startMs).slice(11, 13)), Number(shown(startMs).slice(14, 16))];
      expect(Math.floor((hour * 60 + minute - 30) / 60)).toBe(value);
    }
  }
}, 120_000);
