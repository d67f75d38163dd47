import { instant, type Queryable } from './database.ts';

/** A feeder whose cars were told to shed. Instants are grid time. */
export interface Shed {
  readonly feederId: string;
  readonly issuedAtMs: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** Waits until no one else tells cars of this region, until the transaction ends. */
export async function lockSheds(tx: Queryable, regionId: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('sheds'), hashtext($1))`, [regionId]);
}

export async function listSheds(database: Queryable, regionId: string): Promise<Shed[]> {
  return database.query<Shed>(
    `select feeder_id as "feederId", issued_at as "issuedAtMs", starts_at as "startMs", ends_at as "endMs"
     from sheds s join feeders f on f.id = s.feeder_id where f.region_id = $1 order by feeder_id`,
    [regionId],
  );
}

export async function upsertShed(database: Queryable, shed: Shed): Promise<void> {
  await database.query(
    `insert into sheds (feeder_id, issued_at, starts_at, ends_at) values ($1, $2, $3, $4)
     on conflict (feeder_id) do update set issued_at = excluded.issued_at, starts_at = excluded.starts_at,
       ends_at = excluded.ends_at`,
    [shed.feederId, instant(shed.issuedAtMs), instant(shed.startMs), instant(shed.endMs)],
  );
}

export async function deleteShed(database: Queryable, feederId: string): Promise<void> {
  await database.query('delete from sheds where feeder_id = $1', [feederId]);
}
