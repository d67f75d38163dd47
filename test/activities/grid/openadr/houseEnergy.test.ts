import { HOUR_MS } from '../../../../domain/durations.ts';
import { expect, test } from 'vitest';

import { houseEnergy } from '../../../../activities/grid/openadr/houseEnergy.ts';
import type { SignalSpan } from '../../../../store/signals.ts';

const load = (feederId: string, from: number, until: number, value: number, over: Partial<SignalSpan> = {}) => ({
  regionId: 'oslo',
  feederId,
  kind: 'house_load' as const,
  startMs: from * HOUR_MS,
  endMs: until * HOUR_MS,
  value,
  unit: 'kW',
  source: 'feed',
  forecast: true,
  fetchedAtMs: 0,
  ...over,
});
const within = (from: number, until: number) => ({ startMs: from * HOUR_MS, endMs: until * HOUR_MS });

test('houses of all feeders count, by the source that counts, and not at all where one is not known', () => {
  const loads = [
    load('a', 0, 2, 4),
    load('a', 1, 2, 6, { source: 'push/desk', priority: 10 }),
    load('b', 0, 2, 1),
    load('c', 0, 1, 9),
  ];
  expect(houseEnergy(loads, ['a', 'b'], 0)(within(0.5, 1.5))).toBe(0.5 * 4 + 0.5 * 6 + 1);
  expect(houseEnergy(loads, ['a', 'b'], 0)(within(1, 3))).toBeNull();
  expect(houseEnergy(loads, ['a', 'c'], 0)(within(0, 2))).toBeNull();
});
