/**
 * Maps real time to grid time, so that one night can pass in minutes on the real engine with the same code.
 *
 * Grid time is what tariffs, ready-by times, slots and meters are expressed in. Real time is what timers,
 * heartbeats and sockets run on. In production the two are the same (`scale` 1).
 */
export interface Clock {
  /** Grid time, in epoch milliseconds, at the real instant `anchorMs`. */
  readonly originMs: number;
  /** Real time, in epoch milliseconds, at which grid time was `originMs`. */
  readonly anchorMs: number;
  /** Grid milliseconds that pass in one real millisecond; 1 in production. */
  readonly scale: number;
}

export const REAL_TIME: Clock = { originMs: 0, anchorMs: 0, scale: 1 };

/** Grid time in epoch milliseconds at the real instant `realMs`. */
export function gridTimeMs(clock: Clock, realMs: number): number {
  return clock.originMs + (realMs - clock.anchorMs) * clock.scale;
}

/** Real time in epoch milliseconds at which the grid time `gridMs` is reached. */
export function realTimeMs(clock: Clock, gridMs: number): number {
  return clock.anchorMs + (gridMs - clock.originMs) / clock.scale;
}

/** Real milliseconds that pass while `gridDurationMs` of grid time pass. */
export function realDurationMs(clock: Clock, gridDurationMs: number): number {
  return gridDurationMs / clock.scale;
}

/** Real milliseconds from `realNowMs` until the grid time `gridMs`; 0 when that has passed. */
export function realDelayUntilMs(clock: Clock, gridMs: number, realNowMs: number): number {
  return Math.max(0, Math.ceil(realTimeMs(clock, gridMs) - realNowMs));
}
