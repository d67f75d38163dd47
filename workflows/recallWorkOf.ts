import { ParentClosePolicy, startChild } from '@temporalio/workflow';

import type { CaughtCar } from '../domain/activities/trustActivities.ts';
import { workflowIds } from '../domain/names.ts';
import { workRecall } from './workRecall.ts';

/** Starts the recall of what caught cars have delivered; it outlives whoever caught them. */
export async function recallWorkOf(caught: readonly CaughtCar[], cellId: string): Promise<void> {
  for (const car of caught) {
    try {
      await startChild(workRecall, {
        workflowId: workflowIds.recall(car.quarantineId),
        args: [{ ...car, cellId }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        staticSummary: `What ${car.vehicleId} has delivered is computed again`,
      });
    } catch (error) {
      // By the attempt of another wave that saw the same check.
      if (!(error instanceof Error) || error.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
    }
  }
}
