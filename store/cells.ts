import type { Clock } from '../domain/clock.ts';
import type { Queryable } from './database.ts';

/** A set of regions that one plan covers; it has one clock and one slot length. */
export interface Cell {
  readonly id: string;
  readonly clock: Clock;
  readonly slotMinutes: number;
  /** Changes when a simulated cell's clock is restarted; nothing of the earlier one may go on then. */
  readonly incarnation: string;
}

/**
 * Keeps the clock of a cell that exists: a restart must not jump in grid time.
 * @returns the cell as it is stored.
 */
export async function ensureCell(database: Queryable, cell: Cell): Promise<Cell> {
  await database.query(
    `insert into cells (id, clock, slot_minutes, incarnation) values ($1, $2, $3, $4) on conflict (id) do nothing`,
    [cell.id, JSON.stringify(cell.clock), cell.slotMinutes, cell.incarnation],
  );
  return (await readCell(database, cell.id)) ?? cell;
}

export async function readCell(database: Queryable, id: string): Promise<Cell | undefined> {
  const [cell] = await database.query<Cell>(
    `select id, clock, slot_minutes as "slotMinutes", incarnation from cells where id = $1`,
    [id],
  );
  return cell;
}

/** Removes a cell with everything that hangs on it, its journal included; what owners have earned stays. */
export async function removeCell(database: Queryable, id: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from journal where cell_id = $1', [id]);
    await tx.query('delete from cells where id = $1', [id]);
  });
}
