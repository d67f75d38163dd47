import { describe, expect, test } from 'vitest';

import { parseTable } from '../../../backtest/traces/table.ts';

describe('parseTable', () => {
  test('reads semicolons, quotes, decimal commas, CRLF and NA', () => {
    const { rows } = parseTable('"site";"at";"kwh"\r\n"A;1";2020-03-29 12:00:00;13,25\r\nB;NA;NA\r\n', 's.csv', []);
    expect(rows).toHaveLength(2);
    expect(rows[0]?.text('site')).toBe('A;1');
    expect(rows[0]?.number('kwh')).toBe(13.25);
    expect(rows[0]?.instantMs('at', 'Europe/Oslo')).toBe(Date.UTC(2020, 2, 29, 10));
    expect(rows[1]?.text('at')).toBeUndefined();
    expect(() => rows[1]?.number('kwh')).toThrow('s.csv line 3, column "kwh": a value is missing.');
  });

  test('takes an instant with an offset as it is', () => {
    const { rows } = parseTable('at,x\n2020-01-01T00:00:00+02:00,1\n', 's.csv', []);
    expect(rows[0]?.instantMs('at', 'utc')).toBe(Date.UTC(2019, 11, 31, 22));
  });

  test('names a missing column and those that are there', () => {
    expect(() => parseTable('a,b\n', 's.csv', ['c'])).toThrow('s.csv has no column "c"; it has "a", "b".');
  });

  test('names a line with too few cells and a cell that is no number', () => {
    expect(() => parseTable('a,b\n1\n', 's.csv', [])).toThrow('s.csv line 2 has 1 cells; the header has 2.');
    expect(() => parseTable('a,b\n1,x\n', 's.csv', []).rows[0]?.number('b')).toThrow(
      's.csv line 2, column "b": "x" is not a number.',
    );
  });
});
