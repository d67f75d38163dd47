import { expect, test } from 'vitest';
import { tightestLimitKw, withoutEndedLimits } from '../../planning/importLimits.ts';
import type { SignalSpan } from '../../store/signals.ts';

const QUARTER_MS = 15 * 60_000;
const AXIS = { startMs: 0, slotMinutes: 15, count: 4 };
const FEEDER = { id: 'street', regionId: 'berlin', failSafeImportKw: 6 };

/** From and until in slots. */
function limit(from: number, until: number, value: number, over: Partial<SignalSpan> = {}): SignalSpan {
  return {
    regionId: 'berlin',
    feederId: 'street',
    kind: 'import_limit',
    startMs: from * QUARTER_MS,
    endMs: until * QUARTER_MS,
    value,
    unit: 'kW',
    source: 'a',
    forecast: false,
    fetchedAtMs: 0,
    ...over,
  };
}

test.each([
  ['no source says anything', [], [null, null, null, null]],
  ['one source, a gap after it', [limit(0, 2, 20)], [20, 20, null, null]],
  ['the tightest of several', [limit(0, 4, 20), limit(1, 3, 5, { source: 'b' })], [20, 5, 5, 20]],
  ['of the whole region', [limit(0, 4, 20), limit(0, 1, 7, { feederId: null })], [7, 20, 20, 20]],
  [
    'of another feeder or region',
    [limit(0, 4, 1, { feederId: 'x' }), limit(0, 4, 1, { regionId: 'x' })],
    [null, null, null, null],
  ],
  [
    'an emergency that begins and ends within slots',
    [limit(0, 4, 20), limit(0.9, 2.1, 0, { source: 'emergency/1' })],
    [0, 0, 0, 20],
  ],
  ['a limit that ends within a slot leaves the fail-safe', [limit(0, 1.5, 20)], [20, 6, null, null]],
  ['and a tighter one than that', [limit(0, 1.5, 2)], [2, 2, null, null]],
])('%s', (_, limits, expected) => expect(tightestLimitKw(AXIS, limits, FEEDER)).toEqual(expected));

test('an emergency that was ended within the slot holds nobody back for the rest of it', () => {
  const signals = [limit(0, 4, 20), limit(0.2, 0.4, 0, { source: 'emergency/1' })];
  expect(tightestLimitKw(AXIS, withoutEndedLimits(signals, 0.3 * QUARTER_MS), FEEDER)).toEqual([0, 20, 20, 20]);
  expect(tightestLimitKw(AXIS, withoutEndedLimits(signals, 0.4 * QUARTER_MS), FEEDER)).toEqual([20, 20, 20, 20]);
  // Without any other limit the feeder's fail-safe holds, never nothing.
  const only = withoutEndedLimits([limit(0, 0.4, 0), limit(0.4, 4, 20)], 0.5 * QUARTER_MS);
  expect(tightestLimitKw(AXIS, only, FEEDER)[0]).toBe(6);
});
