import { instant, type Queryable } from './database.ts';

/** Rows of each table at one go, so that no statement holds its locks for long; the rest waits for the next. */
const MAX_ROWS_AT_ONCE = 5_000;
/** Plans are large. */
const MAX_PLANS_AT_ONCE = 200;

/**
 * Removes what nobody settles any more: utility events with their reports that ended before `beforeMs` (grid time) and
 * that the server has not shown since, attempts of cars, and quotes that no batch was made of.
 */
export async function forgetSettledBefore(database: Queryable, cellId: string, beforeMs: number): Promise<void> {
  await database.query(
    `delete from openadr_events where ctid in (
       select e.ctid from openadr_events e join openadr_connections c on c.id = e.connection_id
         join regions r on r.id = c.region_id
       where r.cell_id = $1 and coalesce(least(e.ends_at, e.gone_at), 'infinity') < $2 and e.listed_at < $2 limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
  await database.query(
    `delete from compute_attempts where ctid in (
       select a.ctid from compute_attempts a join vehicles v on v.id = a.vehicle_id join regions r on r.id = v.region_id
       where r.cell_id = $1 and a.stored_until < $2 limit $3)`,
    [cellId, instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
  await database.query(
    `delete from quotes where id in (
       select q.id from quotes q where q.expires_at < $1
         and not exists (select 1 from batch_terms t where t.quote_id = q.id) limit $2)`,
    [instant(beforeMs), MAX_ROWS_AT_ONCE],
  );
}

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
