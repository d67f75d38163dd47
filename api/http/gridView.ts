import type { z } from '@hono/zod-openapi';

import type { BatchStatus } from '../../domain/batches.ts';
import { resultFileId } from '../../domain/names.ts';
import type { Grant, JobPlan } from '../../scheduler/plan.ts';
import type { Region } from '../../scheduler/problem.ts';
import { slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import type { Batch } from '../../store/batches.ts';
import type { JobProgress } from '../../store/jobProgress.ts';
import type { Footprint } from '../../store/shardFootprints.ts';
import type { gridSchema } from '../wire/batch.ts';
import { plannedWindows, rounded } from './plannedWindows.ts';

type GridWire = z.input<typeof gridSchema>;

/** What the newest plan says of jobs. */
export interface JobPlans {
  readonly slots: SlotAxis;
  readonly jobs: readonly JobPlan[];
  readonly grants: readonly Grant[];
  readonly regions: readonly Region[];
}

export interface GridFacts {
  /** Of the cell's clock. */
  readonly scale: number;
  readonly progress: JobProgress | undefined;
  readonly footprint: Footprint | undefined;
  readonly price: GridWire['price'] | undefined;
  readonly plans: JobPlans | undefined;
  /** That attempts fail, why it expired, or that no car is there that could compute it. */
  readonly presence: readonly GridWire['reasons'][number][];
}

/** The extension `x_grid` of a batch. */
export function gridToWire(batch: Batch, { scale, progress, footprint, price, plans, presence }: GridFacts): GridWire {
  const state = stateOf(batch, progress);
  const planned = state === 'waiting' || state === 'running' ? plans : undefined;
  const job = planned?.jobs.find(({ jobId }) => jobId === batch.id);
  const finishSlot = job?.finishSlot ?? null;
  return {
    state,
    deadline: new Date(batch.deadlineMs).toISOString(),
    submitted_at: new Date(batch.submittedAtMs).toISOString(),
    clock: { scale },
    reasons: [...presence, ...reasonsOf(state, job)],
    eta: planned && finishSlot !== null ? new Date(slotStartMs(planned.slots, finishSlot + 1)).toISOString() : null,
    planned_windows: planned ? plannedWindows(planned.slots, planned.grants, planned.regions, batch.id) : [],
    energy_wh: rounded(footprint?.energyWh ?? 0, 3),
    gco2: rounded(footprint?.gCo2 ?? 0, 3),
    cost: { eur: rounded(footprint?.costEur ?? 0, 6), unpriced_wh: rounded(footprint?.unpricedWh ?? 0, 3) },
    price: price ?? null,
    shards: progress
      ? { total: progress.shards, pending: progress.pending, in_flight: progress.inFlight, done: progress.done }
      : null,
    partial_output_file_id:
      progress && (batch.status === 'in_progress' || batch.status === 'cancelling')
        ? resultFileId(batch.id, 'output')
        : null,
  };
}

function reasonsOf(state: GridWire['state'], job: JobPlan | undefined): GridWire['reasons'] {
  if (state === 'paused') return [{ code: 'job_paused', text: 'It was paused by its submitter.' }];
  if (state === 'validating') return [{ code: 'job_validating', text: 'Its input is being checked, line by line.' }];
  if (state === 'ended') return [];
  if (!job) return [{ code: 'job_not_planned_yet', text: 'The next plan of the cell will tell when it runs.' }];
  return job.reasons.map(({ code, text, value, limit }) => ({
    code,
    text,
    ...(value !== undefined && { value }),
    ...(limit !== undefined && { limit }),
  }));
}

const STATES = {
  validating: 'validating',
  in_progress: 'waiting',
  finalizing: 'running',
  cancelling: 'running',
  failed: 'ended',
  completed: 'ended',
  expired: 'ended',
  cancelled: 'ended',
} as const satisfies Record<BatchStatus, GridWire['state']>;

function stateOf({ status }: Batch, progress: JobProgress | undefined): GridWire['state'] {
  if (status !== 'in_progress' || !progress) return STATES[status];
  if (progress.paused) return 'paused';
  return progress.inFlight > 0 ? 'running' : 'waiting';
}
