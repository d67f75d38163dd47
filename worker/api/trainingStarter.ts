import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { TrainingStarter } from '../../api/http/ports.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { trainingCancelled, trainingPaused } from '../../workflows/messages.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import type { trainingRun } from '../../workflows/trainingRun.ts';
import { reached } from '../process/reached.ts';

/** Starts and leads `trainingRun` workflows. */
export function trainingStarterOver(client: Client, cell: Cell): TrainingStarter {
  return {
    async start({ id: runId, plan }, from) {
      const { rounds, overlap } = plan;
      await reached(
        client.workflow.start<typeof trainingRun>('trainingRun', {
          workflowId: workflowIds.training(runId),
          taskQueue: CONTROL_TASK_QUEUE,
          args: [{ runId, cellId: cell.id, clock: cell.clock, rounds, overlap, ...from }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: `Training of ${rounds} rounds`,
          typedSearchAttributes: [{ key: attributes.cellId, value: cell.id }],
        }),
        'WorkflowExecutionAlreadyStartedError',
      );
    },
    async setPaused(runId, paused) {
      const run = client.workflow.getHandle(workflowIds.training(runId));
      await reached(run.signal(trainingPaused, { paused }), WorkflowNotFoundError.name);
    },
    async cancel(runId) {
      const run = client.workflow.getHandle(workflowIds.training(runId));
      await reached(run.signal(trainingCancelled), WorkflowNotFoundError.name);
    },
  };
}
