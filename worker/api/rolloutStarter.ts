import type { Client } from '@temporalio/client';
import type { RolloutStarter } from '../../api/http/ports.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { rolloutCommanded } from '../../workflows/messages.ts';
import type { modelRollout } from '../../workflows/modelRollout.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { reached } from '../process/reached.ts';

/** Starts `modelRollout` workflows, and tells them what operators want. */
export function rolloutStarterOver(client: Client, cell: Cell): RolloutStarter {
  return {
    async start({ id, cellId, name, version, previousVersion, family, baseFamily, spec }) {
      await reached(
        client.workflow.start<typeof modelRollout>('modelRollout', {
          workflowId: workflowIds.rollout(name, version),
          taskQueue: CONTROL_TASK_QUEUE,
          args: [
            {
              rollout: { id, cellId, name, version, previousVersion, family, baseFamily, spec },
              clock: cell.clock,
            },
          ],
          workflowIdConflictPolicy: 'USE_EXISTING',
          // A version that was taken back may be tried again.
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `${name} ${version} in place of ${previousVersion}`,
          typedSearchAttributes: [{ key: attributes.cellId, value: cell.id }],
        }),
        'WorkflowExecutionAlreadyStartedError',
      );
    },
    async command({ name, version }, command, reason) {
      const rollout = client.workflow.getHandle(workflowIds.rollout(name, version));
      await reached(rollout.signal(rolloutCommanded, { command, reason }), 'never');
    },
  };
}
