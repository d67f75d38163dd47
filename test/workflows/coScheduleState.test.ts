import { MINUTE_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';
import { slotToPlan } from '../../workflows/coScheduleState.ts';

const at = (hour: number, minute: number): number => Date.UTC(2026, 0, 14, hour, minute);

test.each([
  ['in a slot', at(10, 5), at(10, 0)],
  ['at its start', at(10, 0), at(10, 0)],
  ['before the lead time of the next', at(10, 11), at(10, 0)],
  ['within the lead time of the next', at(10, 13), at(10, 15)],
])('%s', (_, nowMs, startMs) => {
  expect(slotToPlan(nowMs, 15, 3 * MINUTE_MS)).toEqual({ startMs, nextStartMs: startMs + 15 * MINUTE_MS });
});
