import { instant, type Queryable } from './database.ts';

/** Rows of each table at one go, so that no statement holds its locks for long; the rest waits for the next. */
const MAX_ROWS_AT_ONCE = 5_000;
/** Plans are large. */
const MAX_PLANS_AT_ONCE = 200;

/**
 * Removes what the cell needs no more: plans of slots before `beforeMs` (grid time) but the newest, the journal's older
 * lines, older changes of who claims a car, and signals that ended before. What was paid and metered stays.
 */
export async function forgetBefore(database: Queryable, cellId: string, beforeMs: number): Promise<void> {
  await database.query(
    `delete from plans where id in (
       select id from plans where cell_id = $1 and slot_start < $2
         and slot_start < (select max(slot_start) from plans where cell_id = $1)
       order by slot_start limit $3)`,
    [cellId, instant(beforeMs), MAX_PLANS_AT_ONCE],
  );
  await database.query(
    `delete from journal where seq in (
       select seq from journal where cell_id = $1 and at < $2 order by seq limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
  await database.query(
    `delete from vehicle_transitions where seq in (
       select t.seq from vehicle_transitions t join vehicles v on v.id = t.vehicle_id join regions r on r.id = v.region_id
       where r.cell_id = $1 and t.at < $2 order by t.seq limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
  await database.query(
    `delete from signals where ctid in (
       select s.ctid from signals s join regions r on r.id = s.region_id
       where r.cell_id = $1 and s.ends_at < $2 limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
  await database.query(
    `delete from feeder_slots where ctid in (
       select s.ctid from feeder_slots s join feeders f on f.id = s.feeder_id join regions r on r.id = f.region_id
       where r.cell_id = $1 and s.slot_start < $2 limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
}
