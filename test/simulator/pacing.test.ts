import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { REAL_TIME } from '../../domain/clock.ts';
import { createPacer, GRID_SECONDS_PER_LINE } from '../../simulator/pacing.ts';

const NEVER = new AbortController().signal;
const CLOCK = { originMs: 0, anchorMs: 0, scale: 240 };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Real ms that a batch takes whose computing takes `computeMs`. */
async function timeOf(batch: () => Promise<void>): Promise<number> {
  const startMs = Date.now();
  const ended = batch().then(() => Date.now());
  await vi.advanceTimersByTimeAsync(120_000);
  return (await ended) - startMs;
}

function compute(computeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, computeMs));
}

test.each([20, 200, 900])(
  'a line takes its class’s time, whether computing it takes %i ms or less',
  async (computeMs) => {
    const pacer = createPacer({ clock: CLOCK, hardwareClass: 'hw3', speedShare: () => 1 });
    await pacer.wait(1, NEVER);
    const elapsedMs = await timeOf(async () => {
      for (let line = 0; line < 10; line += 1) {
        await compute(computeMs);
        await pacer.wait(1, NEVER);
      }
    });
    const oneLineMs = (GRID_SECONDS_PER_LINE.hw3 * 1000) / 240;
    expect(Math.abs(elapsedMs - 10 * oneLineMs)).toBeLessThanOrEqual(10);
  },
);

test('a machine that is too slow is not held up further', async () => {
  const pacer = createPacer({ clock: CLOCK, hardwareClass: 'ai5', speedShare: () => 1 });
  await pacer.wait(1, NEVER);
  const elapsedMs = await timeOf(async () => {
    for (let line = 0; line < 5; line += 1) {
      await compute(1_000);
      await pacer.wait(1, NEVER);
    }
  });
  expect(elapsedMs).toBeLessThanOrEqual(5_010);
});

test('an idle car earns no credit beyond one batch', async () => {
  const pacer = createPacer({ clock: CLOCK, hardwareClass: 'hw3', speedShare: () => 1 });
  await pacer.wait(1, NEVER);
  await vi.advanceTimersByTimeAsync(60_000);
  const elapsedMs = await timeOf(async () => {
    await pacer.wait(1, NEVER);
    await pacer.wait(1, NEVER);
    await pacer.wait(1, NEVER);
  });
  expect(elapsedMs).toBeGreaterThanOrEqual(2_000);
});

test('heat slows it down and stops it', async () => {
  let speedShare = 0.5;
  const pacer = createPacer({ clock: CLOCK, hardwareClass: 'hw3', speedShare: () => speedShare });
  await pacer.wait(1, NEVER);
  expect(await timeOf(() => pacer.wait(1, NEVER))).toBeGreaterThanOrEqual(1_999);
  speedShare = 0;
  setTimeout(() => (speedShare = 1), 5_000);
  expect(await timeOf(() => pacer.wait(1, NEVER))).toBeGreaterThanOrEqual(5_000);
});

test('in production time a line takes its seconds', async () => {
  const pacer = createPacer({ clock: REAL_TIME, hardwareClass: 'ai4', speedShare: () => 1 });
  await pacer.wait(1, NEVER);
  const waiting = vi.fn();
  void pacer.wait(1, NEVER).then(waiting);
  await vi.advanceTimersByTimeAsync(GRID_SECONDS_PER_LINE.ai4 * 1000 - 1);
  expect(waiting).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(waiting).toHaveBeenCalled();
});

test('a car that has to leave does not wait', async () => {
  const pacer = createPacer({ clock: CLOCK, hardwareClass: 'hw3', speedShare: () => 1 });
  await pacer.wait(1, NEVER);
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), 100);
  expect(await timeOf(() => pacer.wait(1, leaving.signal))).toBe(100);
  expect(await timeOf(() => pacer.wait(1, leaving.signal))).toBe(0);
  const tooHot = createPacer({ clock: CLOCK, hardwareClass: 'hw3', speedShare: () => 0 });
  expect(await timeOf(() => tooHot.wait(1, leaving.signal))).toBe(0);
});
