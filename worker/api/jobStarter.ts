import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { JobStarter } from '../../api/http/ports.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import type { inferenceJob } from '../../workflows/inferenceJob.ts';
import { cancelRequested, pauseRequested } from '../../workflows/messages.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { reached } from '../process/reached.ts';

/** Starts and cancels `inferenceJob` workflows. */
export function jobStarterOver(client: Client, cell: Cell): JobStarter {
  return {
    async start(batch) {
      await reached(
        client.workflow.start<typeof inferenceJob>('inferenceJob', {
          workflowId: workflowIds.job(batch.id),
          taskQueue: CONTROL_TASK_QUEUE,
          args: [
            {
              batchId: batch.id,
              cellId: cell.id,
              clock: cell.clock,
              // The workflow that was told so may be lost, with its server.
              ...(batch.status === 'cancelling' && { cancelled: true }),
            },
          ],
          workflowIdConflictPolicy: 'USE_EXISTING',
          // A batch is answered once: one whose job has ended is not begun again.
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          staticSummary: `Batch for ${batch.endpoint}`,
          typedSearchAttributes: [
            { key: attributes.cellId, value: cell.id },
            { key: attributes.jobId, value: batch.id },
          ],
        }),
        'WorkflowExecutionAlreadyStartedError',
      );
    },
    async cancel(batchId) {
      const job = client.workflow.getHandle(workflowIds.job(batchId));
      await reached(job.signal(cancelRequested), WorkflowNotFoundError.name);
    },
    async setPaused(batchId, paused) {
      const job = client.workflow.getHandle(workflowIds.job(batchId));
      await reached(job.signal(pauseRequested, { paused }), WorkflowNotFoundError.name);
    },
  };
}
