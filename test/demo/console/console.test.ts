import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { JOURNAL_KINDS, type JournalLine } from '../../../domain/journal.ts';
import { journalText } from '../../../demo/console/journalText.ts';
import { placeOf, Places } from '../../../demo/console/places.ts';
import { progressText } from '../../../demo/console/progressText.ts';
import { Terminal, type TerminalStream } from '../../../demo/console/terminal.ts';

const PLAIN = createColors(false);
const PLACES = new Places(
  new Map([
    ['NSGA5XB0000000103', 'Europe/Berlin'],
    ['pt-lisbon', 'Europe/Lisbon'],
  ]),
);
const LINE: JournalLine = {
  atMs: Date.parse('2026-01-14T22:40:00Z'),
  kind: 'woken',
  subject: 'session/NSGA5XB0000000103/1',
  message: "Cem's ID.4 is asleep and is woken",
};

describe('journal', () => {
  test('the time is that of the place', () => {
    expect(journalText(LINE, PLACES, PLAIN)).toBe("23:40 Berlin   woken       Cem's ID.4 is asleep and is woken");
    expect(
      journalText({ ...LINE, kind: 'window_opened', subject: 'region/pt-lisbon', message: 'Off-peak' }, PLACES, PLAIN),
    ).toBe('22:40 Lisbon   window      Off-peak');
    expect(journalText({ ...LINE, kind: 'plan', subject: 'cell/demo', message: 'Plan 7' }, PLACES, PLAIN)).toBe(
      '22:40 UTC      plan        Plan 7',
    );
  });

  test('reasons come with their figures', () => {
    const reasons = [
      { code: 'too_hot', text: 'ambient too hot', value: 41.2, limit: 40 },
      { code: 'count', text: 'cars asleep', value: 3 },
      { code: 'owner', text: 'held by the owner' },
    ];
    expect(journalText({ ...LINE, message: 'No compute', reasons }, PLACES, PLAIN)).toBe(
      '23:40 Berlin   woken       No compute (ambient too hot: 41.2, limit 40; cars asleep: 3; held by the owner)',
    );
  });

  test('every kind is aligned, with colours or without', () => {
    for (const kind of JOURNAL_KINDS) {
      expect(journalText({ ...LINE, kind, message: '|' }, PLACES, PLAIN).indexOf('|')).toBe(27);
      expect(journalText({ ...LINE, kind }, PLACES, createColors(true))).toContain('\u001B[');
    }
  });
});

test('progress fits into the terminal', () => {
  const progress = {
    atMs: LINE.atMs,
    answered: 1100,
    total: 2200,
    carsPluggedIn: 9,
    carsComputing: 4,
    chargingKwh: 96.04,
    computeKwh: 12.5,
    handovers: 2,
  };
  const place = placeOf('Europe/Berlin');
  expect(progressText(progress, place, 200, PLAIN)).toBe(
    '23:40 Berlin  ████████████░░░░░░░░░░░░ 1,100 of 2,200  9 cars plugged in, 4 computing  ' +
      'charged 96.0 kWh, computed 12.5 kWh  2 handovers',
  );
  expect(progressText(progress, place, 40, PLAIN)).toHaveLength(39);
  expect(progressText({ ...progress, answered: 0, total: 0 }, place, 50, PLAIN)).toContain('░ 0 of 0');
});

function recorded(isTTY: boolean): { stream: TerminalStream; written: string[] } {
  const written: string[] = [];
  return { written, stream: { isTTY, columns: 100, write: (text: string) => written.push(text) } };
}

describe('terminal', () => {
  test('lines scroll above the status line', () => {
    const { stream, written } = recorded(true);
    const terminal = new Terminal(stream);
    terminal.status('50 %');
    terminal.print('a car leaves');
    terminal.status('50 %');
    terminal.status('');
    expect(written).toEqual(['\r\u001B[2K50 %', '\r\u001B[2Ka car leaves\n50 %', '\r\u001B[2K']);
  });

  test('without a TTY everything is plain', () => {
    const { stream, written } = recorded(false);
    const terminal = new Terminal(stream);
    terminal.status('50 %');
    terminal.print(terminal.colors.red('a car leaves'));
    expect(written).toEqual(['a car leaves\n']);
  });
});
