import { gridTimeMs, REAL_TIME, type Clock } from '../domain/clock.ts';
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

/** Waits until no other process puts a cell into the database, until the transaction ends. */
export async function lockCells(tx: Queryable): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('cells'))`);
}

/**
 * SQL for the ids of the cells that may share jobs with the given one, itself included: those of the same clock and slots,
 * since only they can keep each other's grants.
 * @param parameter e.g. `$1`
 */
export function cellsBeside(parameter: string): string {
  return `(select b.id from cells b join cells c on c.id = ${parameter}
    where b.clock = c.clock and b.slot_minutes = c.slot_minutes)`;
}

/** The clock of any cell of this incarnation that began at the same grid time and runs as fast. */
export async function readClock(
  database: Queryable,
  { incarnation, originMs, scale }: Pick<Cell, 'incarnation'> & Pick<Clock, 'originMs' | 'scale'>,
): Promise<Clock | undefined> {
  const [cell] = await database.query<Pick<Cell, 'clock'>>(
    `select clock from cells where incarnation = $1 and (clock->>'originMs')::numeric = $2
       and (clock->>'scale')::numeric = $3 order by id limit 1`,
    [incarnation, originMs, scale],
  );
  return cell?.clock;
}

/** Grid time now by the cell's clock, in epoch milliseconds; real time for a cell that has been removed. */
export function gridNowOf(database: Queryable): (cellId: string) => Promise<number> {
  return async (cellId) => gridTimeMs((await readCell(database, cellId))?.clock ?? REAL_TIME, Date.now());
}

/** Removes a cell with everything that hangs on it, its journal included; what owners have earned stays. */
export async function removeCell(database: Queryable, id: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from journal where cell_id = $1', [id]);
    await tx.query('delete from cells where id = $1', [id]);
  });
}
