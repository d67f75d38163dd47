import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Logger } from 'pino';
import { idsOfWorkflow, withLogIds } from '../domain/logContext.ts';

/**
 * Gives every line that an activity logs the ids of what it works for, and tells when it has ended. Failures are told by
 * the SDK, with the reason.
 * @param telling of an end: `info` where activities are long and few, as shards are
 */
export function logActivities(log: Logger, telling: 'info' | 'debug'): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) =>
        withLogIds(idsOfWorkflow(info.workflowExecution?.workflowId ?? ''), async () => {
          const startMs = performance.now();
          const result = await next(input);
          const { activityType: activity, activityId, attempt } = info;
          const realMs = Math.round(performance.now() - startMs);
          log[telling]({ activity, activityId, attempt, realMs }, 'an activity is done');
          return result;
        }),
    },
  });
}
