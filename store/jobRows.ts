import type { Queryable } from './database.ts';

/** An open job as a list shows it, of all tenants. Instants are grid time. */
export interface JobRow {
  readonly jobId: string;
  readonly tenantId: string;
  readonly model: string;
  readonly paused: boolean;
  readonly shards: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly done: number;
  readonly submittedAtMs: number;
  readonly deadlineMs: number;
  /** Requests. */
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
}

/** Unfinished jobs of the cell, the earliest deadline first. */
export async function listJobRows(database: Queryable, cellId: string): Promise<JobRow[]> {
  return database.query<JobRow>(
    `select p.job_id as "jobId", b.tenant_id as "tenantId", p.model->>'name' as model, p.paused, p.shards, p.pending,
       p.in_flight as "inFlight", p.done, b.submitted_at as "submittedAtMs", b.deadline as "deadlineMs", b.total,
       b.completed, b.failed
     from job_progress p join batches b on b.id = p.job_id
     where p.cell_id = $1 and not p.finished order by b.deadline, b.id`,
    [cellId],
  );
}
