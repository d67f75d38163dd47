import { DateTime } from 'luxon';
import type { OwnerPolicy } from './vehicles.ts';

type ReadyByTimes = Pick<OwnerPolicy, 'readyBy' | 'timeZone' | 'readyByPlans'>;

/** What the owner wants by when. */
export interface ReadyBy {
  /** Grid time. */
  readonly atMs: number;
  readonly targetSocPercent: number;
}

/** The next ready-by after `afterMs` (grid time, epoch ms), with the SoC that the owner's plan for that day names. */
export function nextReadyBy(policy: ReadyByTimes & Pick<OwnerPolicy, 'targetSocPercent'>, afterMs: number): ReadyBy {
  const { atMs, weekday } = nextTime(policy, afterMs);
  return { atMs, targetSocPercent: planOf(policy, weekday)?.targetSocPercent ?? policy.targetSocPercent };
}

/**
 * The next instant after `afterMs` (grid time, epoch ms) at which the owner's clock shows the weekday's ready-by time.
 * Around a clock change: a time that occurs twice means the earlier, since the owner may be leaving then; a time that
 * is skipped means the instant at which the clock jumps over it.
 */
export function nextReadyByMs(policy: ReadyByTimes, afterMs: number): number {
  return nextTime(policy, afterMs).atMs;
}

function nextTime(policy: ReadyByTimes, afterMs: number): { readonly atMs: number; readonly weekday: number } {
  const after = DateTime.fromMillis(afterMs, { zone: policy.timeZone });
  // Wall-clock fields per local day, never hours added to midnight: a day has 23 or 25 of them twice a year.
  for (let day = 0; ; day++) {
    const midnight = after.startOf('day').plus({ days: day });
    const { weekday } = midnight;
    const [hour, minute] = (planOf(policy, weekday)?.time ?? policy.readyBy).split(':').map(Number);
    const wallClock = midnight.set({ hour, minute });
    const atMs = Math.min(...wallClock.getPossibleOffsets().map((candidate) => candidate.toMillis()));
    if (atMs > afterMs) return { atMs, weekday };
  }
}

function planOf({ readyByPlans }: ReadyByTimes, weekday: number) {
  return readyByPlans?.find(({ weekdays }) => weekdays.includes(weekday));
}
