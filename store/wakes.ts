import { columns, instant, type Queryable } from './database.ts';

/** Where the waking of one car stands. Grid time. */
export interface WakeAttempt {
  readonly vehicleId: string;
  /** Null: no wake-up is under way. */
  readonly requestedAtMs: number | null;
  /** In a row. */
  readonly failures: number;
  /** Not asked again before. */
  readonly retryAtMs: number | null;
}

export async function listWakes(database: Queryable, cellId: string): Promise<WakeAttempt[]> {
  return database.query<WakeAttempt>(
    `select w.vehicle_id as "vehicleId", w.requested_at as "requestedAtMs", w.failures, w.retry_at as "retryAtMs"
     from vehicle_wakes w join vehicles v on v.id = w.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 order by w.vehicle_id`,
    [cellId],
  );
}

/** Stores how attempts stand, at most one for each car. */
export async function saveWakes(database: Queryable, attempts: readonly WakeAttempt[]): Promise<void> {
  if (attempts.length === 0) return;
  await database.query(
    `insert into vehicle_wakes (vehicle_id, requested_at, failures, retry_at)
     select * from unnest($1::text[], $2::timestamptz[], $3::integer[], $4::timestamptz[])
     on conflict (vehicle_id) do update set requested_at = excluded.requested_at, failures = excluded.failures,
       retry_at = excluded.retry_at`,
    columns(
      attempts,
      ({ vehicleId }) => vehicleId,
      ({ requestedAtMs }) => (requestedAtMs === null ? null : instant(requestedAtMs)),
      ({ failures }) => failures,
      ({ retryAtMs }) => (retryAtMs === null ? null : instant(retryAtMs)),
    ),
  );
}
