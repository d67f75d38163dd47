import { describe, expect, test } from 'vitest';

import { seriesOnAxis, slotAt, slotsWithin, slotStartMs } from '../../scheduler/time.ts';

const MINUTE = 60_000;
const axis = { startMs: 1_000 * MINUTE, slotMinutes: 15, count: 4 };

describe('the slot axis', () => {
  test('has half-open slots', () => {
    expect(slotAt(axis, axis.startMs)).toBe(0);
    expect(slotAt(axis, slotStartMs(axis, 1) - 1)).toBe(0);
    expect(slotAt(axis, slotStartMs(axis, 1))).toBe(1);
    expect(slotAt(axis, axis.startMs - 1)).toBe(-1);
  });

  test('keeps only whole slots of a window', () => {
    expect(slotsWithin(axis, axis.startMs + MINUTE, axis.startMs + 44 * MINUTE)).toEqual({ from: 1, until: 2 });
    expect(slotsWithin(axis, axis.startMs - 900 * MINUTE, axis.startMs + 900 * MINUTE)).toEqual({ from: 0, until: 4 });
    expect(slotsWithin(axis, axis.startMs + MINUTE, axis.startMs + 14 * MINUTE)).toEqual({ from: 1, until: 1 });
  });
});

describe('seriesOnAxis', () => {
  test('weights by time, lets later spans win and leaves gaps null', () => {
    const at = (minutes: number): number => axis.startMs + minutes * MINUTE;
    const series = seriesOnAxis(axis, [
      { startMs: at(0), endMs: at(45), value: 1 },
      { startMs: at(10), endMs: at(30), value: 4 },
      { startMs: at(46), endMs: at(60), value: 9 },
    ]);
    expect(series).toEqual([2, 4, 1, null]);
  });
});
