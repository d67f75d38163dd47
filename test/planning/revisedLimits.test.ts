import { expect, test } from 'vitest';
import { revisedLimits } from '../../planning/importLimits.ts';
import { HOUR_MS, span, START_MS } from './cellFixture.ts';

const limit = (value: number, fromHour: number, toHour: number, feederId = 'street') =>
  span('import_limit', value, { feederId, startMs: START_MS + fromHour * HOUR_MS, endMs: START_MS + toHour * HOUR_MS });

test('tells a revision once, over all the slots that it spans', () => {
  const before = [limit(20, 0, 1), limit(20, 1, 2), limit(20, 2, 3)];
  const after = [limit(20, 0, 1), limit(8, 1, 2), limit(8, 2, 3)];
  expect(revisedLimits(before, after)).toEqual([
    { place: 'street', startMs: START_MS + HOUR_MS, endMs: START_MS + 3 * HOUR_MS, fromKw: 20, toKw: 8 },
  ]);
});

test('a limit that is new, the same, or another feeder’s is no revision', () => {
  expect(revisedLimits([], [limit(8, 0, 1)])).toEqual([]);
  expect(revisedLimits([limit(8, 0, 1)], [limit(8, 0, 1)])).toEqual([]);
  expect(revisedLimits([limit(20, 0, 1, 'other')], [limit(8, 0, 1)])).toEqual([]);
});
