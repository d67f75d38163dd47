import { only, type Queryable } from './database.ts';

/** A shard whose answers have passed verification. Written once, whoever retries. */
export interface AcceptedShardRecord {
  readonly jobId: string;
  readonly shard: number;
  /** Lines answered with status 200. */
  readonly completed: number;
  /** Lines answered with an error. */
  readonly failed: number;
  /** Tokens that the answers say they took. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Times that another car continued the shard. */
  readonly handovers: number;
  /** Lines that were computed more than once. */
  readonly redoneLines: number;
  /** In the order in which they count. */
  readonly parts: readonly AcceptedPart[];
}

/** A part as it was verified. */
export interface AcceptedPart {
  /** Lines of the shard, half-open. */
  readonly start: number;
  readonly end: number;
  /** Of its bytes, hex. */
  readonly sha256: string;
  /** The car that stored it; undefined for parts that were accepted before their keys named it. */
  readonly vehicleId?: string;
}

export type AcceptedTotals = Pick<AcceptedShardRecord, 'completed' | 'failed' | 'handovers' | 'redoneLines'> & {
  readonly shards: number;
};

export type Usage = Pick<AcceptedShardRecord, 'inputTokens' | 'outputTokens'>;

/** @returns whether this call was the first to record the shard */
export async function recordAcceptedShard(database: Queryable, record: AcceptedShardRecord): Promise<boolean> {
  const rows = await database.query(
    `insert into accepted_shards (job_id, shard, completed, failed, handovers, redone_lines, parts, input_tokens, output_tokens)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (job_id, shard) do update set parts = excluded.parts where accepted_shards.parts is null
     returning shard`,
    [
      record.jobId,
      record.shard,
      record.completed,
      record.failed,
      record.handovers,
      record.redoneLines,
      JSON.stringify(record.parts),
      record.inputTokens,
      record.outputTokens,
    ],
  );
  return rows.length > 0;
}

/** The parts of the job's accepted shards, by shard. */
export async function acceptedParts(
  database: Queryable,
  jobId: string,
): Promise<ReadonlyMap<number, readonly AcceptedPart[]>> {
  const rows = await database.query<{ shard: number; parts: readonly AcceptedPart[] }>(
    'select shard, parts from accepted_shards where job_id = $1 and parts is not null',
    [jobId],
  );
  return new Map(rows.map(({ shard, parts }) => [shard, parts]));
}

export async function acceptedTotals(database: Queryable, jobId: string): Promise<AcceptedTotals> {
  return only(
    await database.query<AcceptedTotals>(
      `select count(*) as shards, coalesce(sum(completed), 0) as completed, coalesce(sum(failed), 0) as failed,
         coalesce(sum(handovers), 0) as handovers, coalesce(sum(redone_lines), 0) as "redoneLines"
       from accepted_shards where job_id = $1`,
      [jobId],
    ),
  );
}

/** Other parts for a shard that was accepted, in the order in which they count. */
export async function replaceAcceptedParts(
  database: Queryable,
  jobId: string,
  shard: number,
  parts: readonly AcceptedPart[],
): Promise<void> {
  await database.query('update accepted_shards set parts = $3 where job_id = $1 and shard = $2', [
    jobId,
    shard,
    JSON.stringify(parts),
  ]);
}

/** Answers before those of a shard that was accepted; does nothing where it is not. */
export async function prependAcceptedParts(
  tx: Queryable,
  jobId: string,
  shard: number,
  parts: readonly AcceptedPart[],
): Promise<void> {
  if (parts.length === 0) return;
  await tx.query(
    'update accepted_shards set parts = $3::jsonb || parts where job_id = $1 and shard = $2 and parts is not null',
    [jobId, shard, JSON.stringify(parts)],
  );
}

/** Until the transaction ends, nobody else accepts a shard of a quorum or corrects it. */
export async function lockShardAnswers(tx: Queryable, jobId: string, shard: number): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('answers'), hashtext($1))`, [`${jobId}/${shard}`]);
}

/** By job, also of those whose shards are folded; without those whose answers count no tokens. */
export async function readUsages(database: Queryable, jobIds: readonly string[]): Promise<ReadonlyMap<string, Usage>> {
  const rows = await database.query<Usage & { readonly jobId: string }>(
    `select job_id as "jobId", sum(input_tokens) as "inputTokens", sum(output_tokens) as "outputTokens"
     from (select job_id, input_tokens, output_tokens from accepted_shards where job_id = any($1)
       union all select batch_id, input_tokens, output_tokens from batch_totals where batch_id = any($1)) t
     group by job_id having sum(input_tokens + output_tokens) > 0`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.jobId, row]));
}

/** Times that another car went on with a shard of the job. */
export async function readHandovers(database: Queryable, jobId: string): Promise<number> {
  const { handovers } = only(
    await database.query<{ handovers: number }>(
      'select coalesce(sum(handovers), 0)::int as handovers from accepted_shards where job_id = $1',
      [jobId],
    ),
  );
  return handovers;
}
