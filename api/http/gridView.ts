import type { z } from '@hono/zod-openapi';

import type { BatchStatus } from '../../domain/batches.ts';
import { resultFileId } from '../../domain/names.ts';
import type { Grant, JobPlan } from '../../scheduler/plan.ts';
import type { Region } from '../../scheduler/problem.ts';
import { slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import type { Batch } from '../../store/batches.ts';
import type { JobProgress } from '../../store/jobProgress.ts';
import type { Usage } from '../../store/acceptedShards.ts';
import type { Footprint } from '../../store/shardFootprints.ts';
import type { gridSchema } from '../wire/batch.ts';
import { plannedWindows, rounded, per1000Tokens } from './plannedWindows.ts';

type GridWire = z.input<typeof gridSchema>;

/** What the newest plan says of jobs. */
export interface JobPlans {
  readonly slots: SlotAxis;
  readonly jobs: readonly JobPlan[];
  readonly grants: readonly Grant[];
  readonly regions: readonly Region[];
}

/** What one cell has of a batch. */
export interface CellPart {
  readonly cellId: string;
  /** Pending there, and with its cars. */
  readonly shards: number;
  /** What one more shard would cost there; null when no car there could compute it, or no plan has said so yet. */
  readonly eurPerShard: number | null;
  readonly plans: JobPlans | undefined;
}

export interface GridFacts {
  /** Of the cell's clock. */
  readonly scale: number;
  readonly progress: JobProgress | undefined;
  readonly footprint: Footprint | undefined;
  /** Of an unfinished batch that has been split, the batch's own cell first. */
  readonly parts: readonly CellPart[];
  /** Of the answers accepted so far; undefined where none are counted. */
  readonly usage: Usage | undefined;
  readonly price: GridWire['price'] | undefined;
  /** That attempts fail, why it expired, or that no car is there that could compute it. */
  readonly presence: readonly GridWire['reasons'][number][];
}

/** The extension `x_grid` of a batch. */
export function gridToWire(batch: Batch, facts: GridFacts): GridWire {
  const { scale, progress, footprint, usage, price, parts, presence } = facts;
  const state = stateOf(batch, progress);
  const planned = state === 'waiting' || state === 'running' ? parts.flatMap(plannedPart(batch.id)) : [];
  return {
    state,
    deadline: new Date(batch.deadlineMs).toISOString(),
    submitted_at: new Date(batch.submittedAtMs).toISOString(),
    clock: { scale },
    reasons: [...presence, ...reasonsOf(state, planned)],
    eta: etaOf(planned),
    planned_windows: planned
      .flatMap(({ plans }) => plannedWindows(plans.slots, plans.grants, plans.regions, batch.id))
      .toSorted((a, b) => a.start.localeCompare(b.start)),
    cells: parts.map(({ cellId, shards, eurPerShard }) => ({
      cell: cellId,
      shards,
      eur_per_shard: eurPerShard === null ? null : rounded(eurPerShard, 6),
    })),
    energy_wh: rounded(footprint?.energyWh ?? 0, 3),
    gco2: rounded(footprint?.gCo2 ?? 0, 3),
    cost: { eur: rounded(footprint?.costEur ?? 0, 6), unpriced_wh: rounded(footprint?.unpricedWh ?? 0, 3) },
    price: price ?? null,
    per_1000_tokens:
      usage && footprint
        ? per1000Tokens(footprint.energyWh, footprint.gCo2, usage.inputTokens + usage.outputTokens)
        : null,
    shards: progress
      ? { total: progress.shards, pending: progress.pending, in_flight: progress.inFlight, done: progress.done }
      : null,
    partial_output_file_id:
      progress && (batch.status === 'in_progress' || batch.status === 'cancelling')
        ? resultFileId(batch.id, 'output')
        : null,
  };
}

interface PlannedPart extends CellPart {
  readonly plans: JobPlans;
  readonly job: JobPlan | undefined;
}

function plannedPart(batchId: string): (part: CellPart) => PlannedPart[] {
  return (part) => {
    const { plans } = part;
    return plans ? [{ ...part, plans, job: plans.jobs.find(({ jobId }) => jobId === batchId) }] : [];
  };
}

/** When the last cell is done with what it has. */
function etaOf(planned: readonly PlannedPart[]): string | null {
  const ends = planned
    .filter(({ shards }) => shards > 0)
    .map(({ plans, job }) => (job?.finishSlot == null ? Infinity : slotStartMs(plans.slots, job.finishSlot + 1)));
  const lastMs = Math.max(...ends);
  return Number.isFinite(lastMs) ? new Date(lastMs).toISOString() : null;
}

function reasonsOf(state: GridWire['state'], planned: readonly PlannedPart[]): GridWire['reasons'] {
  if (state === 'paused') return [{ code: 'job_paused', text: 'It was paused by its submitter.' }];
  if (state === 'validating') return [{ code: 'job_validating', text: 'Its input is being checked, line by line.' }];
  if (state === 'ended') return [];
  const known = planned.filter(({ job }) => job !== undefined);
  if (known.length === 0) {
    return [{ code: 'job_not_planned_yet', text: 'The next plan of the cell will tell when it runs.' }];
  }
  return known.flatMap(({ cellId, job }) =>
    (job?.reasons ?? []).map(({ code, text, value, limit }) => ({
      code,
      text: known.length === 1 ? text : `In ${cellId}: ${text}`,
      ...(value !== undefined && { value }),
      ...(limit !== undefined && { limit }),
    })),
  );
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
