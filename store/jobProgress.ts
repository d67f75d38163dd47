import type { ModelRef } from '../domain/shards.ts';
import type { Queryable } from './database.ts';

/** How far a job is, in shards; written by the job's workflow, read by the planner and the API. */
export interface JobProgress {
  readonly jobId: string;
  readonly cellId: string;
  readonly model: ModelRef;
  readonly shards: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly done: number;
  readonly linesPerShard: number;
  /** Mean units of work of a line (domain/workUnits.ts). */
  readonly unitsPerLine: number;
  readonly paused: boolean;
  readonly finished: boolean;
}

/** An unfinished job with what its submitter asked for. */
export interface OpenJob extends JobProgress {
  readonly deadlineMs: number;
  readonly submittedAtMs: number;
  readonly metadata: Readonly<Record<string, string>> | null;
}

const COLUMNS = `p.job_id as "jobId", p.cell_id as "cellId", p.model, p.shards, p.pending, p.in_flight as "inFlight",
  p.done, p.lines_per_shard as "linesPerShard", p.units_per_line as "unitsPerLine", p.paused, p.finished`;

export async function upsertJobProgress(database: Queryable, progress: JobProgress): Promise<void> {
  await database.query(
    `insert into job_progress (job_id, cell_id, model, shards, pending, in_flight, done, lines_per_shard, paused,
       finished, units_per_line)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (job_id) do update set cell_id = excluded.cell_id, model = excluded.model, shards = excluded.shards,
       pending = excluded.pending, in_flight = excluded.in_flight, done = excluded.done,
       lines_per_shard = excluded.lines_per_shard, paused = excluded.paused, finished = excluded.finished,
       units_per_line = excluded.units_per_line`,
    [
      progress.jobId,
      progress.cellId,
      JSON.stringify(progress.model),
      progress.shards,
      progress.pending,
      progress.inFlight,
      progress.done,
      progress.linesPerShard,
      progress.paused,
      progress.finished,
      progress.unitsPerLine,
    ],
  );
}

/** Notes that the submitter has paused the job, or lets it go on. */
export async function setJobPaused(database: Queryable, jobId: string, paused: boolean): Promise<void> {
  await database.query('update job_progress set paused = $2 where job_id = $1 and not finished', [jobId, paused]);
}

/** Progress of those of the jobs that have some, by job id. */
export async function readJobProgresses(
  database: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, JobProgress>> {
  const rows = await database.query<JobProgress>(`select ${COLUMNS} from job_progress p where p.job_id = any($1)`, [
    jobIds,
  ]);
  return new Map(rows.map((progress) => [progress.jobId, progress]));
}

/** Unfinished jobs of the cell, the earliest deadline first. */
export async function listOpenJobs(database: Queryable, cellId: string): Promise<OpenJob[]> {
  return database.query<OpenJob>(
    `select ${COLUMNS}, b.deadline as "deadlineMs", b.submitted_at as "submittedAtMs", b.metadata
     from job_progress p join batches b on b.id = p.job_id
     where p.cell_id = $1 and not p.finished order by b.deadline, b.id`,
    [cellId],
  );
}
