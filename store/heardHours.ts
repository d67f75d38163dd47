import { columns, instant, type Queryable } from './database.ts';
import type { TimeWindow } from './signals.ts';

/** An hour of grid time in which a car answered: a bid, a shard, or its setpoints. */
export interface HeardHour {
  readonly vehicleId: string;
  /** Its start. */
  readonly hourMs: number;
}

/** Said again, nothing changes; cars that are not enrolled are left out. */
export async function addHeardHours(database: Queryable, heard: readonly HeardHour[]): Promise<void> {
  if (heard.length === 0) return;
  await database.query(
    `insert into heard_hours (vehicle_id, hour)
     select v.id, t.hour from unnest($1::text[], $2::timestamptz[]) as t (vehicle_id, hour)
       join vehicles v on v.id = t.vehicle_id
     order by v.id, t.hour on conflict do nothing`,
    columns(
      heard,
      (each) => each.vehicleId,
      (each) => instant(each.hourMs),
    ),
  );
}

/** How much of a window of grid time lies in hours in which the car answered, or had work: milliseconds. */
export async function readHeardMs(database: Queryable, vehicleId: string, window: TimeWindow): Promise<number> {
  const [row] = await database.query<{ heardMs: number }>(
    `select coalesce(sum(extract(epoch from least(h.hour + interval '1 hour', $3) - greatest(h.hour, $2))), 0)::float8
       * 1000 as "heardMs"
     from (
       select hour from heard_hours where vehicle_id = $1
       union select generate_series(date_trunc('hour', handed_out_at, 'UTC'), stored_until, interval '1 hour')
       from compute_attempts where vehicle_id = $1 and stored_until > $2 and handed_out_at < $3) h
     where h.hour < $3 and h.hour + interval '1 hour' > $2`,
    [vehicleId, instant(window.startMs), instant(window.endMs)],
  );
  return row?.heardMs ?? 0;
}

/** What lies before the instant is paid and is forgotten. */
export async function forgetHeardHours(tx: Queryable, vehicleId: string, beforeMs: number): Promise<void> {
  await tx.query(`delete from heard_hours where vehicle_id = $1 and hour < $2::timestamptz - interval '1 hour'`, [
    vehicleId,
    instant(beforeMs),
  ]);
}
