import { ActivityFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { CaughtCar, TrustActivities } from '../domain/activities/trustActivities.ts';
import { cellTaskQueue } from '../domain/names.ts';
import { CHECK_OPTIONS } from './activityOptions.ts';

const { checkShards } = proxyActivities<TrustActivities>(CHECK_OPTIONS);

/** Real time for which a check waits for the cell that its policy names. */
const NAMED_CELL_WAIT = '10 minutes';

/**
 * Has answers checked where the tenant's or the model's policy says. A cell that nobody is at home in must hold up no batch: then
 * any control process checks them.
 */
export async function checkAnswers(request: Parameters<TrustActivities['checkShards']>[0]): Promise<CaughtCar[]> {
  const { checkedIn } = request.split;
  if (checkedIn === undefined) return checkShards(request);
  const options = { ...CHECK_OPTIONS, taskQueue: cellTaskQueue(checkedIn), scheduleToStartTimeout: NAMED_CELL_WAIT };
  try {
    return await proxyActivities<TrustActivities>(options).checkShards(request);
  } catch (error) {
    if (!isUntaken(error)) throw error;
    return checkShards(request);
  }
}

function isUntaken(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}
