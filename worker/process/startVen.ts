import type { Client } from '@temporalio/client';
import { cellTaskQueue, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { vtnHinted } from '../../workflows/messages.ts';
import type { openAdrVen } from '../../workflows/openAdrVen.ts';
import { attributes } from '../../workflows/searchAttributes.ts';

/** Sees to it that a connection is followed, and that it is synchronised now. */
export async function startVen(client: Client, cell: Cell, connectionId: string): Promise<void> {
  await client.workflow.signalWithStart<typeof openAdrVen>('openAdrVen', {
    workflowId: workflowIds.ven(connectionId),
    taskQueue: cellTaskQueue(cell.id),
    args: [{ connectionId, clock: cell.clock }],
    signal: vtnHinted,
    staticSummary: `Utility ${connectionId}`,
    typedSearchAttributes: [{ key: attributes.cellId, value: cell.id }],
  });
}
