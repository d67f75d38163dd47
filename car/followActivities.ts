import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Logger } from 'pino';
import { idsOfWorkflow, withLogIds } from '../domain/logContext.ts';
import { inJobSpan, tellSharedSpan } from '../domain/tracing.ts';

/** The first of a job: where it is seen, the job's workflow has begun. */
const FIRST_ACTIVITY = 'prepareBatch';

/**
 * Gives every line that an activity logs the ids of what it works for, tells when it has ended, and makes it a span of its
 * job's trace. Failures are told by the SDK, with the reason.
 * @param telling of an end: `info` where activities are long and few, as shards are
 */
export function followActivities(log: Logger, telling: 'info' | 'debug'): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const { activityType: activity, activityId, attempt } = info;
        const ids = idsOfWorkflow(info.workflowExecution?.workflowId ?? '');
        const { jobId } = ids;
        const work = async (): Promise<unknown> => {
          const startMs = performance.now();
          const result: unknown = await next(input);
          const realMs = Math.round(performance.now() - startMs);
          log[telling]({ activity, activityId, attempt, realMs }, 'an activity is done');
          return result;
        };
        return withLogIds(ids, () => {
          if (jobId === undefined) return work();
          if (activity === FIRST_ACTIVITY) {
            const startMs = info.scheduledTimestampMs;
            tellSharedSpan('workflow', { jobId, name: 'inferenceJob', startMs, parent: 'submission' });
          }
          return inJobSpan(activity, { jobId, parent: 'workflow' }, { activityId, attempt }, work);
        });
      },
    },
  });
}
