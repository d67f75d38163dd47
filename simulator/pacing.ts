import { MINUTE_MS } from '../domain/durations.ts';
import { realDurationMs, type Clock } from '../domain/clock.ts';
import type { SimulatedClass } from '../domain/hardwareClasses.ts';

/**
 * Holds a car's inference down to the speed of its hardware class, so that results depend on the class and not on how
 * busy the machine is that simulates it.
 */
export interface Pacer {
  /** Called when `lines` have been computed; resolves when a car of this class would have, or when the signal aborts. */
  wait(lines: number, signal: AbortSignal): Promise<void>;
}

/**
 * Grid seconds that one OCR line takes. Chosen by us so that at scale 240 four hw3, five ai4 and three ai5 together
 * compute 21 lines a real second: about 0.6 of one core at 27 ms a line.
 */
export const GRID_SECONDS_PER_LINE = {
  hw3: 240,
  ai4: 150,
  ai5: 80,
} as const satisfies Record<SimulatedClass, number>;

export interface PacerOptions {
  readonly clock: Clock;
  readonly hardwareClass: SimulatedClass;
  /** Share of full speed that heat leaves, in [0, 1]; 0 pauses. */
  readonly speedShare: () => number;
}

/** A paused computer is looked at again after this much grid time. */
const PAUSE_MS = MINUTE_MS;

export function createPacer({ clock, hardwareClass, speedShare }: PacerOptions): Pacer {
  let dueRealMs = -Infinity;
  return {
    async wait(lines, signal) {
      while (speedShare() <= 0) {
        if (signal.aborted) return;
        await waitFor(realDurationMs(clock, PAUSE_MS), signal);
      }
      const gridMs = (lines * GRID_SECONDS_PER_LINE[hardwareClass] * 1000) / speedShare();
      const realMs = realDurationMs(clock, gridMs);
      // What the computing itself took counts, but never more than this batch: idle time earns no credit.
      dueRealMs = Math.max(dueRealMs, Date.now() - realMs) + realMs;
      await waitFor(dueRealMs - Date.now(), signal);
    },
  };
}

async function waitFor(realMs: number, signal: AbortSignal): Promise<void> {
  if (realMs <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, realMs);
    signal.addEventListener('abort', end);
  });
}
