import { HOUR_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';

import { gridDay } from '../../domain/gridDay.ts';
import { regionWindows } from '../../scheduler/regionWindows.ts';

const START_MS = Date.UTC(2026, 0, 14, 12);
const period = { startMs: START_MS, endMs: START_MS + 10 * HOUR_MS };

/** One digit an hour; a blank is unknown. */
function hours(kind: string, digits: string, feederId: string | null = null) {
  return digits.split('').flatMap((digit, hour) => {
    const startMs = START_MS + hour * HOUR_MS;
    const span = { kind, feederId, startMs, endMs: startMs + HOUR_MS, value: Number(digit) };
    return digit === ' ' ? [] : [{ ...span, source: kind, fetchedAtMs: START_MS }];
  });
}

function windows(...signals: ReturnType<typeof hours>[]): string[] {
  const facts = { period, signals: signals.flat(), feederIds: ['a', 'b'], nowMs: START_MS, carbonEurPerKg: 1000 };
  return regionWindows(facts).map(
    ({ startMs, endMs }) => `${(startMs - START_MS) / HOUR_MS}-${(endMs - START_MS) / HOUR_MS}`,
  );
}

test.each([
  ['the cheapest two fifths, neighbours merged', [hours('price', '9119911999')], ['1-3', '5-7']],
  ['two fifths of what is known', [hours('price', '91899     ')], ['1-3']],
  ['carbon counts beside the price', [hours('price', '1111111111'), hours('carbon', '9990000999')], ['3-7']],
  [
    'average carbon alone where both kinds are known',
    [hours('price', '1111111111'), hours('carbon', '9990000999'), hours('marginal_carbon', '0009999000')],
    ['3-7'],
  ],
  [
    'marginal carbon where it is the only kind',
    [hours('price', '1111111111'), hours('marginal_carbon', '0000999999')],
    ['0-4'],
  ],
  [
    'not where nothing may be imported',
    [hours('price', '9000099999'), hours('import_limit', '5500555555')],
    ['1-2', '4-5'],
  ],
  [
    'where the feeders’ limits of 0 do not meet',
    [hours('price', '9000099999'), hours('import_limit', '5500555555', 'a'), hours('import_limit', '5055555555', 'b')],
    ['1-5'],
  ],
  [
    'not where every feeder has a limit of 0',
    [hours('price', '9000099999'), hours('import_limit', '5500555555', 'a'), hours('import_limit', '5505555555', 'b')],
    ['1-2', '3-5'],
  ],
] as const)('off-peak is %s', (_, signals, expected) => {
  expect(windows(...signals.map((each) => [...each]))).toEqual(expected);
});

test('a grid day goes from noon to noon on the region’s clock, also over a clock change', () => {
  const before = gridDay('Europe/Berlin', Date.parse('2026-03-29T00:30Z'));
  expect([before.startMs, before.endMs]).toEqual([Date.parse('2026-03-28T11:00Z'), Date.parse('2026-03-29T10:00Z')]);
});
