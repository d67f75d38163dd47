import type { Client } from '@temporalio/client';
import { removeCell, readCell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { incarnationOf } from '../cell/applyCell.ts';
import type { CellFile } from '../cell/cellFile.ts';

/**
 * Ends what is left of an earlier incarnation of the cell: workflows that count grid time by a clock that no longer
 * runs would plan and pay for hours that never come.
 */
export async function retireOutdatedCell(client: Client, database: Database, file: CellFile): Promise<void> {
  const known = await readCell(database, file.id);
  if (!known || known.incarnation === incarnationOf(file)) return;
  const query = `CellId = "${file.id}" and ExecutionStatus = "Running"`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    await client.workflow
      .getHandle(workflowId)
      .terminate(`cell ${file.id} was restarted as ${incarnationOf(file)}`)
      // It may have ended by itself meanwhile.
      .catch(() => undefined);
  }
  await removeCell(database, file.id);
}
