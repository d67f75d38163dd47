import { WorkflowNotFoundError, type Client, type WorkflowExecutionStatusName } from '@temporalio/client';
import type { JobStarter } from '../../api/http/ports.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { Cell } from '../../store/cells.ts';
import type { inferenceJob } from '../../workflows/inferenceJob.ts';
import { cancelRequested, pauseRequested } from '../../workflows/messages.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { reached } from '../process/reached.ts';

/** Between the first wave of a job and that of the job that is started in its place: more than one has. */
const WAVES_APART = 1_000_000;

/** Ends that no job comes to by itself. */
const LOSSES: Partial<Record<WorkflowExecutionStatusName, string>> = {
  TERMINATED: 'terminated',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TIMED_OUT: 'timed out',
};

/** Starts and cancels `inferenceJob` workflows. */
export function jobStarterOver(client: Client, cell: Cell): JobStarter {
  return {
    async start(batch, { paused, losses }) {
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
              ...(paused && { paused }),
              // Waves of the lost workflow may still run, and report to whoever has its id.
              ...(losses > 0 && { firstWave: losses * WAVES_APART + 1 }),
            },
          ],
          workflowIdConflictPolicy: 'USE_EXISTING',
          // A batch is answered once: one whose job has come to its end is not begun again.
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
          staticSummary: `Batch for ${batch.endpoint}`,
          typedSearchAttributes: [
            { key: attributes.cellId, value: cell.id },
            { key: attributes.jobId, value: batch.id },
          ],
        }),
        'WorkflowExecutionAlreadyStartedError',
      );
    },
    async lossOf(batchId) {
      try {
        const { status } = await client.workflow.getHandle(workflowIds.job(batchId)).describe();
        return LOSSES[status.name];
      } catch (cause) {
        if (cause instanceof WorkflowNotFoundError) return 'unknown to Temporal';
        throw new NightshiftError('unavailable', 'Temporal does not answer.', { cause });
      }
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
