import { storableText } from '../domain/storableText.ts';
import type { Queryable } from './database.ts';

/** Attempts at a batch's shards that failed, other than by a car that has to leave. */
export interface AttemptFailures {
  readonly failures: number;
  readonly lastMessage: string;
}

const MAX_MESSAGE_CHARS = 300;

/** Counts an attempt at a shard that failed. Jobs that are not stored are left out. */
export async function recordAttemptFailure(database: Queryable, jobId: string, message: string): Promise<void> {
  await database.query(
    `insert into attempt_failures (job_id, failures, last_message) select id, 1, $2 from batches where id = $1
     on conflict (job_id) do update set failures = attempt_failures.failures + 1, last_message = excluded.last_message`,
    [jobId, storableText(message.slice(0, MAX_MESSAGE_CHARS))],
  );
}

/** Of those of the batches that have some, by batch id. */
export async function readAttemptFailures(
  database: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, AttemptFailures>> {
  const rows = await database.query<AttemptFailures & { readonly jobId: string }>(
    `select job_id as "jobId", failures, last_message as "lastMessage" from attempt_failures where job_id = any($1)`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.jobId, row]));
}
