import { DateTime } from 'luxon';
import type { OwnerPolicy } from './vehicles.ts';

/**
 * The next instant after `afterMs` (grid time, epoch ms) at which the owner's clock shows the ready-by time. Around a
 * clock change: a time that occurs twice means the earlier, since the owner may be leaving then; a time that is
 * skipped means the instant at which the clock jumps over it.
 */
export function nextReadyByMs(policy: Pick<OwnerPolicy, 'readyBy' | 'timeZone'>, afterMs: number): number {
  const [hour, minute] = policy.readyBy.split(':').map(Number);
  const after = DateTime.fromMillis(afterMs, { zone: policy.timeZone });
  // Wall-clock fields per local day, never hours added to midnight: a day has 23 or 25 of them twice a year.
  for (let day = 0; ; day++) {
    const wallClock = after.startOf('day').plus({ days: day }).set({ hour, minute });
    const earliestMs = Math.min(...wallClock.getPossibleOffsets().map((candidate) => candidate.toMillis()));
    if (earliestMs > afterMs) return earliestMs;
  }
}
