import { DateTime } from 'luxon';

import type { AttemptFailures } from '../../store/attemptFailures.ts';
import type { Batch } from '../../store/batches.ts';
import type { PluggedTime, RegionPresence } from '../../store/presence.ts';
import type { BatchWire } from '../wire/batch.ts';

type Reason = BatchWire['x_grid']['reasons'][number];

/**
 * Why a batch waits although nothing is wrong with it: no car that may compute it is at a plug.
 * @param regionIds that the batch may run in; null for all
 */
export function absenceReasons(
  presence: readonly RegionPresence[],
  regionIds: readonly string[] | null,
): readonly Reason[] {
  const allowed = presence.filter(({ regionId }) => regionIds === null || regionIds.includes(regionId));
  if (allowed.length === 0 || allowed.some(({ carsPluggedIn }) => carsPluggedIn > 0)) return [];
  const where = regionIds === null ? '' : ` in ${allowed.map(({ regionId }) => regionId).join(', ')}`;
  const next = allowed
    .filter((region) => region.usualArrivalMs !== null)
    .sort((a, b) => (a.usualArrivalMs ?? 0) - (b.usualArrivalMs ?? 0))[0];
  const expected =
    next === undefined
      ? 'None has been plugged in during the last week.'
      : `By the last week, the next is expected in ${next.regionId} at about ${clockIn(next.usualArrivalMs ?? 0, next.timeZone)}.`;
  return [{ code: 'no_car_plugged_in', text: `No car is plugged in now${where}. ${expected}` }];
}

/** That attempts at a batch fail, which the plan knows nothing of; nothing once all of it was answered all the same. */
export function failureReasons(
  { status, failed }: Pick<Batch, 'status' | 'failed'>,
  failures: AttemptFailures | undefined,
): readonly Reason[] {
  if (!failures || (status === 'completed' && failed === 0)) return [];
  const { failures: count, lastMessage } = failures;
  const attempts = count === 1 ? 'An attempt' : `${count} attempts`;
  return [
    {
      code: 'attempts_failed',
      text: `${attempts} to answer its shards failed. The last: ${lastMessage}`,
      value: count,
      limit: 0,
    },
  ];
}

/** Why a batch expired, from what can be known afterwards. */
export function expiryReasons(batch: Batch, plugged: PluggedTime, deadline: string): readonly Reason[] {
  const unanswered = batch.total - batch.completed - batch.failed;
  const cars =
    plugged.cars === 0
      ? 'No car was plugged in between its submission and its deadline'
      : `${plugged.cars} cars were plugged in for ${plugged.hours.toFixed(1)} hours together in that time; the rest of their hours went to other work, were outside the batch’s caps, or were too short`;
  return [
    {
      code: 'job_expired',
      text: `Its deadline, ${deadline} in grid time, passed with ${unanswered} of ${batch.total} requests unanswered. ${cars}.`,
      value: unanswered,
      limit: 0,
    },
  ];
}

/** `Thu 17:40 (Europe/Berlin)`. */
function clockIn(atMs: number, zone: string): string {
  return `${DateTime.fromMillis(atMs, { zone }).toFormat('ccc HH:mm')} (${zone})`;
}
