import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { StayNotifier } from '../../api/http/ports.ts';
import type { SessionStarter } from '../../api/ingress/sessionKeeper.ts';
import { cellTaskQueue, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { policyChanged, unplugged } from '../../workflows/messages.ts';
import type { parkingSession } from '../../workflows/parkingSession.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { reached } from '../process/reached.ts';

/** Starts, tells and ends `parkingSession` workflows. */
export function sessionStarterOver(client: Client, cell: Cell): SessionStarter & StayNotifier {
  return {
    async start({ vehicleId, stay, pluggedInAtMs }, { regionId, displayName, hardwareClass }) {
      await reached(
        client.workflow.start<typeof parkingSession>('parkingSession', {
          workflowId: workflowIds.session(vehicleId, stay),
          taskQueue: cellTaskQueue(cell.id),
          args: [{ vehicleId, stay, cellId: cell.id, clock: cell.clock, pluggedInMs: pluggedInAtMs }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          // A stay is settled once: one whose session has ended is not begun again.
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          staticSummary: `${displayName}, stay ${stay}`,
          typedSearchAttributes: [
            { key: attributes.cellId, value: cell.id },
            { key: attributes.regionId, value: regionId },
            { key: attributes.vehicleId, value: vehicleId },
            { key: attributes.hardwareClass, value: hardwareClass },
          ],
        }),
        'WorkflowExecutionAlreadyStartedError',
      );
    },
    async unplugged({ vehicleId, stay }, departure) {
      const session = client.workflow.getHandle(workflowIds.session(vehicleId, stay));
      await reached(session.signal(unplugged, departure), WorkflowNotFoundError.name);
    },
    async policyChanged({ vehicleId, stay }) {
      const session = client.workflow.getHandle(workflowIds.session(vehicleId, stay));
      await reached(session.signal(policyChanged), WorkflowNotFoundError.name);
    },
  };
}
