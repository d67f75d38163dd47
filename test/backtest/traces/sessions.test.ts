import { describe, expect, test } from 'vitest';

import { readSessions } from '../../../backtest/traces/sessions.ts';

const HEADER = '"location";"user_id";"session_id";"plugin_time";"plugout_time";"connection_time";"energy_session"';
const OSLO = { timeZone: 'Europe/Oslo', shiftDays: 0 };

function sessions(...rows: string[]): string {
  return [HEADER, ...rows, ''].join('\r\n');
}

describe('readSessions', () => {
  test('reads local times in their zone, decimal commas and seconds, in order of plug-in', () => {
    const { stays } = readSessions(
      sessions(
        '"A";"A_2";"A_12";2019-11-28 19:08:00;2019-11-29 08:20:00;13,2;19,96',
        '"A";"A_1";"A_11";2019-06-01 18:00:30;2019-06-01 20:00:30;2;7',
      ),
      's.csv',
      OSLO,
    );
    expect(stays).toEqual([
      {
        id: 'A_11',
        siteId: 'A',
        userId: 'A_1',
        pluggedInMs: Date.UTC(2019, 5, 1, 16, 0, 30),
        pluggedOutMs: Date.UTC(2019, 5, 1, 18, 0, 30),
        energyKwh: 7,
      },
      {
        id: 'A_12',
        siteId: 'A',
        userId: 'A_2',
        pluggedInMs: Date.UTC(2019, 10, 28, 18, 8),
        pluggedOutMs: Date.UTC(2019, 10, 29, 7, 20),
        energyKwh: 19.96,
      },
    ]);
  });

  test('takes the length of a stay from its times, not from the naive difference', () => {
    const { stays } = readSessions(sessions('"A";"u";"s";2021-03-27 22:00:00;2021-03-28 08:00:00;10;5'), 's.csv', OSLO);
    expect((stays[0]?.pluggedOutMs ?? 0) - (stays[0]?.pluggedInMs ?? 0)).toBe(9 * 3_600_000);
  });

  test('counts and leaves out rows without an end and rows that run backwards, and keeps overlaps', () => {
    const { stays, skipped } = readSessions(
      sessions(
        '"A";"u";"s1";2019-01-01 10:00:00;NA;NA;5',
        '"A";"u";"s2";2019-01-01 12:00:00;2019-01-01 11:00:00;-1;5',
        '"A";"u";"s3";2019-01-02 10:00:00;2019-01-02 14:00:00;4;5',
        '"A";"u";"s4";2019-01-02 13:00:00;2019-01-02 15:00:00;2;5',
      ),
      's.csv',
      OSLO,
    );
    expect(skipped).toEqual({ incomplete: 1, backwards: 1 });
    expect(stays.map(({ id }) => id)).toEqual(['s3', 's4']);
  });

  test('shifts on the wall clock', () => {
    const { stays } = readSessions(sessions('"A";"u";"s";2019-03-31 12:00:00;2019-03-31 13:00:00;1;5'), 's.csv', {
      timeZone: 'Europe/Oslo',
      shiftDays: 364,
    });
    // Noon of 29 March 2020, the day on which the clock changed.
    expect(stays[0]?.pluggedInMs).toBe(Date.UTC(2020, 2, 29, 10));
  });

  test('names a repeated session and a cell that is no number', () => {
    const row = '"A";"u";"s";2019-01-01 10:00:00;2019-01-01 12:00:00;2;5';
    expect(() => readSessions(sessions(row, row), 's.csv', OSLO)).toThrow(
      's.csv line 3, column "session_id": "s" is repeated.',
    );
    expect(() => readSessions(sessions(row.replace(';5', ';much')), 's.csv', OSLO)).toThrow(
      's.csv line 2, column "energy_session": "much" is not a number.',
    );
  });
});
