import type { z } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { readUsages } from '../../store/acceptedShards.ts';
import { readAttemptFailures } from '../../store/attemptFailures.ts';
import { unitsOf } from '../../domain/money.ts';
import { readBatchTerms, readCharged } from '../../store/batchTerms.ts';
import { readBatch, type Batch } from '../../store/batches.ts';
import type { Queryable } from '../../store/database.ts';
import { readJobCells, readJobProgresses, type JobProgress } from '../../store/jobProgress.ts';
import { listOffers } from '../../store/jobShares.ts';
import { latestJobPlans } from '../../store/plans.ts';
import { listPresence, readPluggedTime, type RegionPresence } from '../../store/presence.ts';
import { readFootprints } from '../../store/shardFootprints.ts';
import type { batchSchema } from '../wire/batch.ts';
import { batchToWire } from './batchView.ts';
import type { ApiPorts } from './ports.ts';
import type { CellPart, JobPlans } from './gridView.ts';
import { absenceReasons, expiryReasons, failureReasons } from './presenceReasons.ts';
import { notFound } from './wire.ts';

type BatchWire = z.input<typeof batchSchema>;

/** The batches with all that `x_grid` says of them. */
export async function batchesToWire(
  { database, cell, now }: ApiPorts,
  batches: readonly Batch[],
): Promise<BatchWire[]> {
  const ids = batches.map(({ id }) => id);
  const isOpen = batches.some(({ status }) => status === 'in_progress');
  const nowMs = Math.round(gridTimeMs(cell.clock, now()));
  const [progresses, footprints, usages, prices, presence, failures] = await Promise.all([
    readJobProgresses(database, ids),
    readFootprints(database, ids),
    readUsages(database, ids),
    readPrices(database, ids),
    isOpen ? listPresence(database, cell.id, nowMs) : [],
    readAttemptFailures(database, ids),
  ]);
  const open = [...progresses.values()].filter(({ finished }) => !finished);
  const parts = await readParts(database, cell.id, open);
  return Promise.all(
    batches.map(async (batch) => {
      const facts = {
        scale: cell.clock.scale,
        progress: progresses.get(batch.id),
        footprint: footprints.get(batch.id),
        parts: parts.get(batch.id) ?? [],
        usage: usages.get(batch.id),
        price: prices.get(batch.id),
        presence: [
          ...failureReasons(batch, failures.get(batch.id)),
          ...(await presenceReasons(database, cell.id, batch, presence)),
        ],
      };
      return batchToWire(batch, facts, cell.clock);
    }),
  );
}

/** By batch, the cells that have some of its shards, the batch's own first. */
async function readParts(
  database: Queryable,
  cellId: string,
  open: readonly JobProgress[],
): Promise<ReadonlyMap<string, readonly CellPart[]>> {
  const cells = await readJobCells(database, open);
  const offers = await listOffers(
    database,
    open.map(({ jobId }) => jobId),
  );
  const involved = new Set([cellId, ...[...cells.values()].flatMap((shards) => [...shards.keys()])]);
  const plans = new Map<string, JobPlans | undefined>();
  for (const id of involved) plans.set(id, await latestJobPlans<JobPlans>(database, id));
  return new Map(
    open.map(({ jobId, cellId: home }) => {
      const shards = [...(cells.get(jobId) ?? new Map<string, number>())].filter(
        ([id, count]) => id === home || count > 0,
      );
      const ofCell = shards.map(([id, count]): CellPart => {
        const offer = offers.find((each) => each.jobId === jobId && each.cellId === id);
        return { cellId: id, shards: count, eurPerShard: offer?.eurPerShard ?? null, plans: plans.get(id) };
      });
      return [jobId, ofCell.toSorted((a, b) => Number(b.cellId === home) - Number(a.cellId === home))];
    }),
  );
}

type PriceWire = BatchWire['x_grid']['price'];

async function readPrices(database: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, PriceWire>> {
  const [terms, charged] = await Promise.all([readBatchTerms(database, ids), readCharged(database, ids)]);
  return new Map(
    [...terms.values()].map(({ batchId, currency, estimateMicros, capMicros, quoteId: quote }) => {
      const micros = charged.find((each) => each.batchId === batchId && each.currency === currency)?.micros ?? 0;
      const amount = unitsOf(micros);
      return [batchId, { amount, currency, estimate: orNull(estimateMicros), cap: orNull(capMicros), quote }];
    }),
  );
}

function orNull(micros: number | null): number | null {
  return micros === null ? null : unitsOf(micros);
}

async function presenceReasons(database: Queryable, cellId: string, batch: Batch, presence: readonly RegionPresence[]) {
  const { status, submittedAtMs, deadlineMs } = batch;
  const { regionIds = null } = parseGridHints(batch.metadata);
  if (status === 'in_progress') return absenceReasons(presence, regionIds);
  if (status !== 'expired') return [];
  const window = { startMs: submittedAtMs, endMs: deadlineMs };
  const plugged = await readPluggedTime(database, cellId, window, regionIds);
  return expiryReasons(batch, plugged, new Date(deadlineMs).toISOString());
}

export async function batchToWireById(ports: ApiPorts, tenantId: string, id: string): Promise<BatchWire> {
  const [wire] = await batchesToWire(ports, [await ownBatch(ports, tenantId, id)]);
  if (!wire) throw notFound('batch', id);
  return wire;
}

/** @throws NightshiftError `not_found`, also for another tenant's batch */
export async function ownBatch({ database }: ApiPorts, tenantId: string, id: string): Promise<Batch> {
  const batch = await readBatch(database, id);
  if (batch?.tenantId !== tenantId) throw notFound('batch', id);
  return batch;
}
