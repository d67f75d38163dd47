import type { Queryable } from './database.ts';

/**
 * Ids of batches that ended at least `keptRealMs` ago, whose work has left the object store, and whose shards still have
 * rows; oldest first.
 */
export async function listBatchesToFold(database: Queryable, keptRealMs: number, limit: number): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select b.id from batches b where b.created_real_at <= now() - $1 * interval '1 millisecond'
       and b.work_removed_real_at is not null
       and to_timestamp((b.timestamps ->> (b.status || '_at'))::bigint) <= now() - $1 * interval '1 millisecond'
       and not exists (select 1 from batch_totals t where t.batch_id = b.id)
     order by b.created_real_at limit $2`,
    [keptRealMs, limit],
  );
  return rows.map(({ id }) => id);
}

/**
 * Removes what is known of each shard of an ended batch: who answered what of it, how that was checked, and what it took.
 * The batch keeps the sums, its counts and its terms; the ledger keeps what was paid.
 */
export async function foldBatch(database: Queryable, batchId: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(
      `insert into batch_totals (batch_id, input_tokens, output_tokens, energy_wh, gco2, cost_eur, unpriced_wh)
       select b.id, coalesce(s.input, 0), coalesce(s.output, 0), coalesce(f.wh, 0), coalesce(f.gco2, 0),
         coalesce(f.eur, 0), coalesce(f.unpriced, 0)
       from batches b,
         lateral (select sum(input_tokens) as input, sum(output_tokens) as output from accepted_shards
           where job_id = b.id) s,
         lateral (select sum(energy_wh) as wh, sum(gco2) as gco2, sum(cost_eur) as eur,
           sum(energy_wh) filter (where cost_eur is null) as unpriced from shard_footprints where job_id = b.id) f
       where b.id = $1`,
      [batchId],
    );
    for (const table of TABLES_OF_SHARDS) await tx.query(`delete from ${table} where job_id = $1`, [batchId]);
  });
}

const TABLES_OF_SHARDS = [
  'accepted_shards',
  'shard_footprints',
  'attempt_failures',
  'job_shares',
  'job_offers',
  'share_checks',
  'line_corrections',
  'recalled_shards',
] as const;

/** Removes batches that are folded and of whose results no file is left; their bookings stay. @param limit at one go */
export async function removeFoldedBatches(database: Queryable, limit: number): Promise<void> {
  await database.query(
    `delete from batches where id in (
       select b.id from batch_totals t join batches b on b.id = t.batch_id
       where not exists (select 1 from files f where f.id in (b.output_file_id, b.error_file_id))
       order by b.created_real_at limit $1)`,
    [limit],
  );
}
