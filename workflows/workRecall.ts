import { getExternalWorkflowHandle, proxyActivities, setCurrentDetails } from '@temporalio/workflow';

import type { CaughtCar, TrustActivities } from '../domain/activities/trustActivities.ts';
import type { WebhookActivities } from '../domain/activities/webhookActivities.ts';
import { workflowIds } from '../domain/names.ts';
import { CHECK_OPTIONS, CONTROL_OPTIONS, WEBHOOK_OPTIONS } from './activityOptions.ts';
import { shardsReopened } from './messages.ts';

const { recallWork, correctBatch } = proxyActivities<TrustActivities>(CHECK_OPTIONS);
const { webhooksOf } = proxyActivities<WebhookActivities>(CONTROL_OPTIONS);
const { postWebhook } = proxyActivities<WebhookActivities>(WEBHOOK_OPTIONS);

/**
 * Everything that a caught car has delivered is answered by others: jobs that run compute its shards again; of batches
 * that have ended, a trusted computer does, their files are written anew, and their submitters are told.
 */
export async function workRecall({ cellId, ...car }: CaughtCar & { readonly cellId: string }): Promise<void> {
  const { reopened, ended } = await recallWork({ ...car, cellId });
  const count = reopened.reduce((sum, { shards }) => sum + shards.length, 0);
  setCurrentDetails(`${count} shards of running batches are computed again, ${ended.length} ended batches corrected.`);
  for (const { jobId, shards } of reopened) {
    // A job that has just ended corrects its files itself.
    await getExternalWorkflowHandle(workflowIds.job(jobId))
      .signal(shardsReopened, { shards })
      .catch(() => undefined);
  }
  await Promise.all(ended.map((batchId) => correct(batchId, cellId)));
}

async function correct(batchId: string, cellId: string): Promise<void> {
  const correction = await correctBatch({ batchId, cellId });
  if (correction === null) return;
  const endpoints = await webhooksOf({ batchId });
  await Promise.all(
    endpoints.map((endpointId) => postWebhook({ batchId, endpointId, correction }).catch(() => undefined)),
  );
}
