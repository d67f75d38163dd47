import { only, type Queryable } from './database.ts';

/** A shard whose answers have passed verification. Written once, whoever retries. */
export interface AcceptedShardRecord {
  readonly jobId: string;
  readonly shard: number;
  /** Lines answered with status 200. */
  readonly completed: number;
  /** Lines answered with an error. */
  readonly failed: number;
  /** Times that another car continued the shard. */
  readonly handovers: number;
  /** Lines that were computed more than once. */
  readonly redoneLines: number;
}

export type AcceptedTotals = Omit<AcceptedShardRecord, 'jobId' | 'shard'> & { readonly shards: number };

/** @returns whether this call was the first to record the shard */
export async function recordAcceptedShard(db: Queryable, record: AcceptedShardRecord): Promise<boolean> {
  const rows = await db.query(
    `insert into accepted_shards (job_id, shard, completed, failed, handovers, redone_lines)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning shard`,
    [record.jobId, record.shard, record.completed, record.failed, record.handovers, record.redoneLines],
  );
  return rows.length > 0;
}

export async function acceptedTotals(db: Queryable, jobId: string): Promise<AcceptedTotals> {
  return only(
    await db.query<AcceptedTotals>(
      `select count(*) as shards, coalesce(sum(completed), 0) as completed, coalesce(sum(failed), 0) as failed,
         coalesce(sum(handovers), 0) as handovers, coalesce(sum(redone_lines), 0) as "redoneLines"
       from accepted_shards where job_id = $1`,
      [jobId],
    ),
  );
}
