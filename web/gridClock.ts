import { useEffect, useState } from 'preact/hooks';
import type { CallerWire } from '../api/wire/page.ts';

/** The cell's time, by this computer's clock corrected to the server's. */
export interface GridClock {
  readonly scale: number;
  /** Grid time, epoch milliseconds. */
  now(): number;
}

export function gridClock(
  { clock }: Pick<CallerWire, 'clock'>,
  nowMs: () => number = () => performance.now(),
): GridClock {
  const anchorMs = nowMs();
  return { scale: clock.scale, now: () => clock.grid_ms + (nowMs() - anchorMs) * clock.scale };
}

const TICK_MS = 1_000;

/** Grid time, drawn again every second. */
export function useNow(clock: GridClock): number {
  const [now, setNow] = useState(() => clock.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(clock.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [clock]);
  return now;
}
