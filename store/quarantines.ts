import { instant, type Queryable } from './database.ts';

export interface Quarantine {
  readonly quarantineId: number;
  readonly vehicleId: string;
  /** Grid time, as are all. */
  readonly sinceMs: number;
  readonly reason: string;
  readonly evidence: QuarantineEvidence;
  readonly appeal: string | null;
  readonly appealedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly resolution: string | null;
}

/** The check that a car was quarantined for. */
export interface QuarantineEvidence {
  readonly jobId: string;
  readonly shard: number;
  readonly checked: number;
  /** Lines of the shard whose answers differ, the first ones. */
  readonly differing: readonly number[];
  /** Of generated text: tokens that were read, and those that the model does not draw there; undefined before there were such. */
  readonly tokens?: number;
  readonly divergent?: number;
}

const COLUMNS = `quarantine_id as "quarantineId", vehicle_id as "vehicleId", since as "sinceMs", reason, evidence, appeal,
  appealed_at as "appealedAtMs", ended_at as "endedAtMs", resolution`;

/** @returns the car's open quarantine: this one, or the one that it is in already */
export async function openQuarantine(
  tx: Queryable,
  quarantine: Pick<Quarantine, 'vehicleId' | 'sinceMs' | 'reason' | 'evidence'>,
): Promise<number | undefined> {
  const { vehicleId, sinceMs, reason, evidence } = quarantine;
  const [opened] = await tx.query<{ quarantineId: number }>(
    `insert into quarantines (vehicle_id, since, reason, evidence) values ($1, $2, $3, $4)
     on conflict (vehicle_id) where ended_at is null do update set reason = quarantines.reason
     returning quarantine_id as "quarantineId"`,
    [vehicleId, instant(sinceMs), reason, JSON.stringify(evidence)],
  );
  return opened?.quarantineId;
}

export async function isQuarantined(database: Queryable, vehicleId: string): Promise<boolean> {
  const rows = await database.query('select 1 from quarantines where vehicle_id = $1 and ended_at is null', [
    vehicleId,
  ]);
  return rows.length > 0;
}

/** Of one car, newest first. */
export async function listQuarantines(database: Queryable, vehicleId: string): Promise<Quarantine[]> {
  return database.query<Quarantine>(
    `select ${COLUMNS} from quarantines where vehicle_id = $1 order by quarantine_id desc`,
    [vehicleId],
  );
}

/** Of the cell's cars, those that are open, the ones with an appeal first. */
export async function listOpenQuarantines(database: Queryable, cellId: string): Promise<Quarantine[]> {
  return database.query<Quarantine>(
    `select ${COLUMNS} from quarantines where ended_at is null and vehicle_id in (
       select v.id from vehicles v join regions r on r.id = v.region_id where r.cell_id = $1)
     order by appealed_at nulls last, quarantine_id`,
    [cellId],
  );
}

/** @returns whether the car is in quarantine, and has been heard */
export async function appealQuarantine(
  database: Queryable,
  vehicleId: string,
  appeal: string,
  atMs: number,
): Promise<boolean> {
  const rows = await database.query(
    `update quarantines set appeal = $2, appealed_at = $3 where vehicle_id = $1 and ended_at is null
     returning quarantine_id`,
    [vehicleId, appeal, instant(atMs)],
  );
  return rows.length > 0;
}

/** What the operator says to a quarantine; with `ends` it is over. @returns whether there was one */
export async function resolveQuarantine(
  tx: Queryable,
  vehicleId: string,
  { resolution, ends, atMs }: { readonly resolution: string; readonly ends: boolean; readonly atMs: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update quarantines set resolution = $2, ended_at = case when $3 then $4::timestamptz end
     where vehicle_id = $1 and ended_at is null returning quarantine_id`,
    [vehicleId, resolution, ends, instant(atMs)],
  );
  return rows.length > 0;
}
