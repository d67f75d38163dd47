import { DAY_MS } from './durations.ts';
import { gridDay } from './gridDay.ts';

/**
 * Nights in a row before the one of `atMs` in which the car was available, by the owner's clock from noon to noon.
 * @param stays paid stays that have ended, in any order; half-open, grid time
 */
export function nightsInARow(
  stays: readonly { readonly startMs: number; readonly endMs: number }[],
  timeZone: string,
  atMs: number,
): number {
  let nights = 0;
  let { startMs } = gridDay(timeZone, atMs);
  for (;;) {
    const night = gridDay(timeZone, startMs - DAY_MS / 2);
    if (!stays.some((stay) => stay.startMs < night.endMs && stay.endMs > night.startMs)) return nights;
    nights++;
    startMs = night.startMs;
  }
}
