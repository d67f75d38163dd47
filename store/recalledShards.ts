import type { BatchStatus } from '../domain/batches.ts';
import type { LineRange } from '../domain/names.ts';
import type { Queryable } from './database.ts';

/** An accepted shard in which a quarantined car had part. */
export interface RecalledShard {
  readonly quarantineId: number;
  readonly jobId: string;
  readonly shard: number;
  readonly vehicleId: string;
  /** Of the shard's lines: the parts that the car stored. */
  readonly ranges: readonly LineRange[];
}

/**
 * Notes every accepted shard that has a part of the car, and takes back the acceptance of those whose batch still runs:
 * they are computed again.
 */
export async function recallShardsOf(tx: Queryable, quarantineId: number, vehicleId: string): Promise<void> {
  await tx.query(
    `insert into recalled_shards (quarantine_id, job_id, shard, vehicle_id, ranges)
     select $1, s.job_id, s.shard, $2, (
       select jsonb_agg(jsonb_build_object('start', p -> 'start', 'end', p -> 'end'))
       from jsonb_array_elements(s.parts) p where p ->> 'vehicleId' = $2)
     from accepted_shards s join batches b on b.id = s.job_id
     where s.parts @> jsonb_build_array(jsonb_build_object('vehicleId', $2::text))
     on conflict do nothing`,
    [quarantineId, vehicleId],
  );
  await tx.query(
    `update accepted_shards s set parts = null from recalled_shards r join batches b on b.id = r.job_id
     where r.quarantine_id = $1 and s.job_id = r.job_id and s.shard = r.shard and b.status = 'in_progress'`,
    [quarantineId],
  );
}

export type ShardToRedo = RecalledShard & { readonly status: BatchStatus };

/** Of a quarantine or of a batch: shards that nobody else has answered yet, with the state of their batch. */
export async function listShardsToRedo(
  database: Queryable,
  of: { readonly quarantineId: number } | { readonly jobId: string },
): Promise<ShardToRedo[]> {
  const [column, value] = 'jobId' in of ? ['r.job_id', of.jobId] : ['r.quarantine_id', of.quarantineId];
  return database.query<ShardToRedo>(
    `select r.quarantine_id as "quarantineId", r.job_id as "jobId", r.shard, r.vehicle_id as "vehicleId", r.ranges, b.status
     from recalled_shards r join batches b on b.id = r.job_id where ${column} = $1 and not r.done
     order by r.job_id, r.shard`,
    [value],
  );
}

/** The shard has other answers now. */
export async function shardIsRedone(tx: Queryable, jobId: string, shard: number): Promise<void> {
  await tx.query('update recalled_shards set done = true where job_id = $1 and shard = $2 and not done', [
    jobId,
    shard,
  ]);
}

/** An output file that was written anew after its batch had ended. */
export interface BatchCorrection {
  readonly correction: number;
  readonly lines: number;
  readonly reason: string;
  readonly realAtMs: number;
}

/** @returns the number of the correction, from 1 for each batch */
export async function recordBatchCorrection(
  tx: Queryable,
  batchId: string,
  { lines, reason }: Pick<BatchCorrection, 'lines' | 'reason'>,
): Promise<number> {
  await tx.query('select 1 from batches where id = $1 for update', [batchId]);
  const [made] = await tx.query<{ correction: number }>(
    `insert into batch_corrections (batch_id, correction, lines, reason)
     select $1, coalesce(max(correction), 0) + 1, $2, $3 from batch_corrections where batch_id = $1
     returning correction`,
    [batchId, lines, reason],
  );
  return made?.correction ?? 1;
}

export async function listBatchCorrections(database: Queryable, batchId: string): Promise<BatchCorrection[]> {
  return database.query<BatchCorrection>(
    `select correction, lines, reason, real_at as "realAtMs" from batch_corrections where batch_id = $1 order by correction`,
    [batchId],
  );
}
