import { describe, expect, test } from 'vitest';
import { judgeWish, type SentWish } from '../../charging/chargeControl.ts';
import { MINUTE_MS } from '../../domain/durations.ts';

const START_MS = Date.UTC(2026, 0, 15);
const sent = (chargeKw: number, attempts = 1): SentWish => ({
  chargeKw,
  sentAtMs: START_MS,
  attempts,
});
const after = (minutes: number): number => START_MS + minutes * MINUTE_MS;

describe('confirmation by telemetry', () => {
  test.each([
    ['it charges', 7, 6.9, 1, 'confirmed'],
    ['it tapers', 7, 2, 1, 'confirmed'],
    ['it has stopped', 0, 0, 1, 'confirmed'],
    ['it does not charge yet', 7, 0, 2, 'waiting'],
    ['it does not charge', 7, 0, 3, 'retry'],
    ['it draws more than it was given', 3, 7, 3, 'retry'],
    ['it does not stop', 0, 7, 3, 'retry'],
  ])('%s', (_, wantedKw, drawnKw, minutes, kind) => {
    expect(judgeWish(sent(wantedKw), { chargeKw: drawnKw, atMs: after(minutes) }, after(minutes)).kind).toBe(kind);
  });

  test('what was said before the command confirms nothing', () => {
    expect(judgeWish(sent(7), { chargeKw: 7, atMs: START_MS - 1 }, after(1)).kind).toBe('waiting');
  });

  test('each attempt waits twice as long, and the third without effect is reported with both figures', () => {
    const fact = { chargeKw: 0, atMs: after(1) };
    expect(judgeWish(sent(7, 2), fact, after(5)).kind).toBe('waiting');
    expect(judgeWish(sent(7, 2), fact, after(6)).kind).toBe('retry');
    expect(judgeWish(sent(7, 3), fact, after(12))).toEqual({ kind: 'refused', value: 0, limit: 7 });
  });
});
