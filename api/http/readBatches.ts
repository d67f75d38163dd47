import type { z } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { readUsages } from '../../store/acceptedShards.ts';
import { readAttemptFailures } from '../../store/attemptFailures.ts';
import { unitsOf } from '../../domain/money.ts';
import { readBatchTerms, readCharged } from '../../store/batchTerms.ts';
import { readBatch, type Batch } from '../../store/batches.ts';
import type { Queryable } from '../../store/database.ts';
import { readJobProgresses } from '../../store/jobProgress.ts';
import { latestJobPlans } from '../../store/plans.ts';
import { listPresence, readPluggedTime, type RegionPresence } from '../../store/presence.ts';
import { readFootprints } from '../../store/shardFootprints.ts';
import type { batchSchema } from '../wire/batch.ts';
import { batchToWire } from './batchView.ts';
import type { ApiPorts } from './ports.ts';
import type { JobPlans } from './gridView.ts';
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
  const [progresses, footprints, usages, prices, plans, presence, failures] = await Promise.all([
    readJobProgresses(database, ids),
    readFootprints(database, ids),
    readUsages(database, ids),
    readPrices(database, ids),
    isOpen ? latestJobPlans<JobPlans>(database, cell.id) : undefined,
    isOpen ? listPresence(database, cell.id, nowMs) : [],
    readAttemptFailures(database, ids),
  ]);
  return Promise.all(
    batches.map(async (batch) => {
      const facts = {
        scale: cell.clock.scale,
        progress: progresses.get(batch.id),
        footprint: footprints.get(batch.id),
        usage: usages.get(batch.id),
        price: prices.get(batch.id),
        plans,
        presence: [
          ...failureReasons(batch, failures.get(batch.id)),
          ...(await presenceReasons(database, cell.id, batch, presence)),
        ],
      };
      return batchToWire(batch, facts, cell.clock);
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
