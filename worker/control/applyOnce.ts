import type { Client } from '@temporalio/client';
import { lockCells, removeCell, readCell, type Cell } from '../../store/cells.ts';
import type { Database, Queryable } from '../../store/database.ts';
import { applyCell, incarnationOf } from '../../config/cell/applyCell.ts';
import type { CellFile } from '../../config/cell/cellFile.ts';

/**
 * Puts the cell file into the database. Control processes that start together wait for each other: a second one that
 * still saw the earlier incarnation would remove what the first one had just begun.
 */
export function applyOnce(client: Client, database: Database, file: CellFile): Promise<Cell> {
  return database.transaction(async (tx) => {
    await lockCells(tx);
    await retireOutdated(client, tx, file);
    return applyCell(tx, file, Date.now());
  });
}

/**
 * Ends what is left of an earlier incarnation of the cell: workflows that count grid time by a clock that no longer
 * runs would plan and pay for hours that never come.
 */
async function retireOutdated(client: Client, database: Queryable, file: CellFile): Promise<void> {
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
