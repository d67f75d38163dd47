import { apportion } from '../domain/apportion.ts';
import type { ModelRef } from '../domain/shards.ts';
import { grouped } from '../domain/grouped.ts';
import { cellsBeside } from './cells.ts';
import type { Queryable } from './database.ts';
import { listShares } from './jobShares.ts';

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
  /** Of those in flight, by region. */
  readonly inFlightByRegion?: Readonly<Record<string, number>>;
}

/** An unfinished job with what its submitter asked for. */
export interface OpenJob extends JobProgress {
  readonly deadlineMs: number;
  readonly submittedAtMs: number;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** Of those pending and in flight, the cell's own: what its cars have in hand, and its share of the pending ones. */
  readonly shardsHere: number;
}

const COLUMNS = `p.job_id as "jobId", p.cell_id as "cellId", p.model, p.shards, p.pending, p.in_flight as "inFlight",
  p.done, p.lines_per_shard as "linesPerShard", p.units_per_line as "unitsPerLine", p.paused, p.finished,
  p.in_flight_by_region as "inFlightByRegion"`;

export async function upsertJobProgress(database: Queryable, progress: JobProgress): Promise<void> {
  await database.query(
    `insert into job_progress (job_id, cell_id, model, shards, pending, in_flight, done, lines_per_shard, paused,
       finished, units_per_line, in_flight_by_region)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (job_id) do update set cell_id = excluded.cell_id, model = excluded.model, shards = excluded.shards,
       pending = excluded.pending, in_flight = excluded.in_flight, done = excluded.done,
       lines_per_shard = excluded.lines_per_shard, paused = excluded.paused, finished = excluded.finished,
       units_per_line = excluded.units_per_line, in_flight_by_region = excluded.in_flight_by_region`,
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
      JSON.stringify(progress.inFlightByRegion ?? {}),
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

/**
 * Unfinished jobs that cars of the cell may work on, the earliest deadline first: its own, and those of other cells of the
 * same clock and slots.
 */
export async function listOpenJobs(database: Queryable, cellId: string): Promise<OpenJob[]> {
  const jobs = await database.query<Omit<OpenJob, 'shardsHere'>>(
    `select ${COLUMNS}, b.deadline as "deadlineMs", b.submitted_at as "submittedAtMs", b.metadata
     from job_progress p join batches b on b.id = p.job_id
     where p.cell_id in ${cellsBeside('$1')} and not p.finished order by b.deadline, b.id`,
    [cellId],
  );
  const cells = await readJobCells(database, jobs);
  return jobs.map((job) => ({ ...job, shardsHere: cells.get(job.jobId)?.get(cellId) ?? 0 }));
}

/** Unfinished jobs that the cell's API took, wherever they run. */
export async function listOwnOpenJobs(database: Queryable, cellId: string): Promise<JobProgress[]> {
  return database.query<JobProgress>(
    `select ${COLUMNS} from job_progress p where p.cell_id = $1 and not p.finished order by p.job_id`,
    [cellId],
  );
}

/** By job, what each cell has of its pending shards and those in flight; all together are as many as the job has. */
export async function readJobCells(
  database: Queryable,
  jobs: readonly Pick<JobProgress, 'jobId' | 'cellId' | 'pending' | 'inFlight' | 'inFlightByRegion'>[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  if (jobs.length === 0) return new Map();
  const jobIds = jobs.map(({ jobId }) => jobId);
  const shares = grouped(await listShares(database, jobIds), ({ jobId }) => jobId);
  const regions = await database.query<{ id: string; cellId: string }>('select id, cell_id as "cellId" from regions');
  const places = new Map(regions.map(({ id, cellId }) => [id, cellId]));
  return new Map(
    jobs.map(({ jobId, cellId: home, pending, inFlight, inFlightByRegion }) => {
      const cells = new Map<string, number>();
      const add = (cellId: string, shards: number): unknown => cells.set(cellId, (cells.get(cellId) ?? 0) + shards);
      let elsewhere = inFlight;
      for (const [regionId, shards] of Object.entries(inFlightByRegion ?? {})) {
        add(places.get(regionId) ?? home, shards);
        elsewhere -= shards;
      }
      // Written by a version that did not tell them by region.
      if (elsewhere > 0) add(home, elsewhere);
      for (const { cellId, shards } of pendingByCell(home, pending, shares.get(jobId) ?? [])) add(cellId, shards);
      return [jobId, cells];
    }),
  );
}

/** The job's pending shards, divided as they were last. */
export function pendingByCell(
  home: string,
  pending: number,
  shares: readonly { readonly cellId: string; readonly shards: number }[],
): { readonly cellId: string; readonly shards: number }[] {
  if (shares.every(({ shards }) => shards === 0)) return [{ cellId: home, shards: pending }];
  const divided = apportion(
    pending,
    shares.map(({ shards }) => shards),
  );
  return shares.map(({ cellId }, index) => ({ cellId, shards: divided[index] ?? 0 }));
}
