import { DEFAULT_TENANT } from '../domain/apiKeys.ts';
import type { BatchInputError, BatchStatus } from '../domain/batches.ts';
import { instant, type Queryable } from './database.ts';
import { pageOrder, pageStart, type Page } from './files.ts';

export interface BatchCounts {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly expired: number;
}

export interface Batch extends BatchCounts {
  readonly id: string;
  readonly tenantId: string;
  /** URL that every line must have, e.g. /v1/embeddings. */
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly completionWindow: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly status: BatchStatus;
  readonly errors: readonly BatchInputError[] | null;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  /** Seconds that output and error files are kept for; null for ever. */
  readonly outputExpiresAfterSeconds: number | null;
  /** Real unix seconds at which the batch entered a state, by `<status>_at`. */
  readonly timestamps: Readonly<Record<string, number>>;
  /** Grid time. */
  readonly deadlineMs: number;
  /** Grid time. */
  readonly submittedAtMs: number;
  readonly createdRealMs: number;
}

export interface NewBatch extends Pick<
  Batch,
  | 'id'
  | 'endpoint'
  | 'inputFileId'
  | 'completionWindow'
  | 'metadata'
  | 'outputExpiresAfterSeconds'
  | 'deadlineMs'
  | 'submittedAtMs'
> {
  /** The default tenant's when left out. */
  readonly tenantId?: string;
  /** The cell whose API takes it. */
  readonly cellId?: string;
  readonly idempotencyKey: string | null;
  /** Hash of the request as it was sent: the same key with another one is a mistake. */
  readonly requestHash: string;
}

const COLUMNS = `id, tenant_id as "tenantId", endpoint, input_file_id as "inputFileId", completion_window as "completionWindow", metadata,
  status, errors, output_file_id as "outputFileId", error_file_id as "errorFileId",
  output_expires_after_seconds as "outputExpiresAfterSeconds", total, completed, failed, expired, timestamps,
  deadline as "deadlineMs", submitted_at as "submittedAtMs", created_real_at as "createdRealMs"`;

/** Inserts a batch in state `validating`. @returns undefined when its idempotency key is taken. */
export async function insertBatch(database: Queryable, batch: NewBatch): Promise<Batch | undefined> {
  const [inserted] = await database.query<Batch>(
    `insert into batches (id, endpoint, input_file_id, completion_window, metadata, output_expires_after_seconds,
       status, deadline, submitted_at, idempotency_key, request_hash, tenant_id, cell_id)
     values ($1, $2, $3, $4, $5, $6, 'validating', $7, $8, $9, $10, $11, $12)
     on conflict (tenant_id, idempotency_key) do nothing returning ${COLUMNS}`,
    [
      batch.id,
      batch.endpoint,
      batch.inputFileId,
      batch.completionWindow,
      batch.metadata && JSON.stringify(batch.metadata),
      batch.outputExpiresAfterSeconds,
      instant(batch.deadlineMs),
      instant(batch.submittedAtMs),
      batch.idempotencyKey,
      batch.requestHash,
      batch.tenantId ?? DEFAULT_TENANT,
      batch.cellId ?? null,
    ],
  );
  return inserted;
}

export async function findBatchByIdempotencyKey(
  database: Queryable,
  tenantId: string,
  idempotencyKey: string,
): Promise<(Batch & { readonly requestHash: string }) | undefined> {
  const [batch] = await database.query<Batch & { readonly requestHash: string }>(
    `select ${COLUMNS}, request_hash as "requestHash" from batches where tenant_id = $1 and idempotency_key = $2`,
    [tenantId, idempotencyKey],
  );
  return batch;
}

/** The newest batch of the same request within the last `withinRealMs`. */
export async function findBatchByRequestHash(
  database: Queryable,
  tenantId: string,
  requestHash: string,
  withinRealMs: number,
): Promise<Batch | undefined> {
  const [batch] = await database.query<Batch>(
    `select ${COLUMNS} from batches
     where tenant_id = $1 and request_hash = $2 and created_real_at > now() - $3 * interval '1 millisecond'
     order by created_real_at desc limit 1`,
    [tenantId, requestHash, withinRealMs],
  );
  return batch;
}

export async function readBatch(database: Queryable, id: string): Promise<Batch | undefined> {
  const [batch] = await database.query<Batch>(`select ${COLUMNS} from batches where id = $1`, [id]);
  return batch;
}

export async function listBatches(database: Queryable, page: Page, tenantId: string): Promise<Batch[]> {
  return database.query<Batch>(`select ${COLUMNS} from batches where tenant_id = $4 and ${pageOrder(page)}`, [
    ...pageStart(page),
    page.limit,
    tenantId,
  ]);
}

/** What may change together with the state. */
export interface BatchOutcome {
  readonly errors?: readonly BatchInputError[];
  readonly outputFileId?: string;
  readonly errorFileId?: string;
}

/**
 * Moves a batch to state `to` and stamps `<to>_at`, if it is in one of the states `from` now. So a late writer never
 * takes a batch out of a final state.
 * @returns the batch, or undefined when it was in another state.
 */
export async function moveBatch(
  database: Queryable,
  id: string,
  from: readonly BatchStatus[],
  to: BatchStatus,
  outcome: BatchOutcome = {},
): Promise<Batch | undefined> {
  const [batch] = await database.query<Batch>(
    `update batches set status = $3, errors = coalesce($4, errors), output_file_id = coalesce($5, output_file_id),
       error_file_id = coalesce($6, error_file_id),
       timestamps = timestamps || jsonb_build_object($3 || '_at', floor(extract(epoch from now())))
     where id = $1 and status = any($2) returning ${COLUMNS}`,
    [
      id,
      from,
      to,
      outcome.errors ? JSON.stringify(outcome.errors) : null,
      outcome.outputFileId ?? null,
      outcome.errorFileId ?? null,
    ],
  );
  return batch;
}

export async function updateBatchCounts(database: Queryable, id: string, counts: BatchCounts): Promise<void> {
  await database.query('update batches set total = $2, completed = $3, failed = $4, expired = $5 where id = $1', [
    id,
    counts.total,
    counts.completed,
    counts.failed,
    counts.expired,
  ]);
}

/** Stores how the batch was cut into shards; the first time counts. */
export async function recordBatchSplit(database: Queryable, batchId: string, split: object): Promise<void> {
  await database.query('update batches set split = $2 where id = $1 and split is null', [
    batchId,
    JSON.stringify(split),
  ]);
}

export async function readBatchSplit<Split>(database: Queryable, batchId: string): Promise<Split | undefined> {
  const rows = await database.query<{ split: Split | null }>('select split from batches where id = $1', [batchId]);
  return rows[0]?.split ?? undefined;
}

/** Whether a batch that is not in a final state reads the file. */
export async function isInputOfOpenBatch(database: Queryable, fileId: string): Promise<boolean> {
  const rows = await database.query(
    `select 1 from batches
     where input_file_id = $1 and status not in ('failed', 'completed', 'expired', 'cancelled') limit 1`,
    [fileId],
  );
  return rows.length > 0;
}

/** Ids of batches that the cell accepted whose job has not been started yet, since Temporal did not answer; oldest first. */
export async function listUnstartedBatches(database: Queryable, cellId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select id from batches where job_started_real_at is null and coalesce(cell_id, $1) = $1 order by created_real_at`,
    [cellId],
  );
  return rows.map(({ id }) => id);
}

/** What the job of a batch takes over when it is started, perhaps anew. */
export interface JobStart {
  /** The submitter holds the batch back. */
  readonly paused: boolean;
  /** How often its workflow was found gone before. */
  readonly losses: number;
}

export async function readJobStart(database: Queryable, batchId: string): Promise<JobStart> {
  const [start] = await database.query<JobStart>(
    `select coalesce(p.paused, false) as paused, b.job_losses as losses
     from batches b left join job_progress p on p.job_id = b.id where b.id = $1`,
    [batchId],
  );
  return start ?? { paused: false, losses: 0 };
}

/** Open batches that the cell accepted whose job was started at least `sinceRealMs` ago; oldest first. */
export async function listStartedBatches(
  database: Queryable,
  cellId: string,
  sinceRealMs: number,
): Promise<(Pick<Batch, 'id'> & Pick<JobStart, 'losses'>)[]> {
  return database.query(
    `select id, job_losses as losses from batches where job_started_real_at <= now() - $2 * interval '1 millisecond'
       and coalesce(cell_id, $1) = $1 and status not in ('failed', 'completed', 'expired', 'cancelled')
     order by created_real_at`,
    [cellId, sinceRealMs],
  );
}

/**
 * Notes that the workflow of an open batch is gone, so that its job is started anew.
 * @param losses as they were when the workflow was looked for
 * @returns whether this call was the first to note it: several processes may look at once
 */
export async function markJobLost(database: Queryable, id: string, losses: number): Promise<boolean> {
  const rows = await database.query(
    `update batches set job_started_real_at = null, job_losses = job_losses + 1
     where id = $1 and job_losses = $2 and status not in ('failed', 'completed', 'expired', 'cancelled') returning id`,
    [id, losses],
  );
  return rows.length > 0;
}

/** Whether a batch's work has left the object store: nothing of it may come back, since nobody would remove it. */
export async function isWorkRemoved(database: Queryable, id: string): Promise<boolean> {
  const rows = await database.query('select from batches where id = $1 and work_removed_real_at is not null', [id]);
  return rows.length > 0;
}

/** Ids of batches that ended at least `keptRealMs` ago and whose work is still in the object store. */
export async function listEndedBatchesWithWork(
  database: Queryable,
  keptRealMs: number,
  limit: number,
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select id from batches where work_removed_real_at is null
       and status in ('failed', 'completed', 'expired', 'cancelled')
       and to_timestamp((timestamps ->> (status || '_at'))::bigint) <= now() - $1 * interval '1 millisecond'
     order by created_real_at limit $2`,
    [keptRealMs, limit],
  );
  return rows.map(({ id }) => id);
}

export async function markWorkRemoved(database: Queryable, id: string): Promise<void> {
  await database.query('update batches set work_removed_real_at = now() where id = $1', [id]);
}

export async function markJobStarted(database: Queryable, id: string): Promise<void> {
  await database.query('update batches set job_started_real_at = coalesce(job_started_real_at, now()) where id = $1', [
    id,
  ]);
}

/** The files of a batch that has ended, where they were written anew. */
export async function setResultFiles(
  database: Queryable,
  batchId: string,
  { outputFileId, errorFileId }: Pick<BatchOutcome, 'outputFileId' | 'errorFileId'>,
): Promise<void> {
  await database.query('update batches set output_file_id = $2, error_file_id = $3 where id = $1', [
    batchId,
    outputFileId ?? null,
    errorFileId ?? null,
  ]);
}
