import { readCell, type Cell } from '../../store/cells.ts';
import type { Queryable } from '../../store/database.ts';
import { untilAnswered } from './untilAnswered.ts';

/**
 * Waits until the control worker has applied the cell's file: processes of a stack start side by side.
 * @param incarnation waits for this one, where an earlier night's cell may still be stored
 * @throws NightshiftError `unavailable` after a minute
 */
export function appliedCell(database: Queryable, cellId: string, incarnation?: string): Promise<Cell> {
  return untilAnswered('the control worker', async () => {
    const cell = await readCell(database, cellId);
    const isApplied = cell && (incarnation === undefined || cell.incarnation === incarnation);
    if (!isApplied) throw new Error(`cell ${cellId} is not applied yet`);
    return cell;
  });
}
