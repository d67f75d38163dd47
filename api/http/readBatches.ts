import type { z } from '@hono/zod-openapi';

import { readBatch, type Batch } from '../../store/batches.ts';
import { readJobProgresses } from '../../store/jobProgress.ts';
import { latestJobPlans } from '../../store/plans.ts';
import { readFootprints } from '../../store/shardFootprints.ts';
import type { batchSchema } from '../wire/batch.ts';
import { batchToWire } from './batchView.ts';
import type { ApiDeps } from './deps.ts';
import type { JobPlans } from './gridView.ts';
import { notFound } from './wire.ts';

type BatchWire = z.input<typeof batchSchema>;

/** The batches with all that `x_grid` says of them. */
export async function batchesToWire({ db, cell }: ApiDeps, batches: readonly Batch[]): Promise<BatchWire[]> {
  const ids = batches.map(({ id }) => id);
  const isOpen = batches.some(({ status }) => status === 'in_progress');
  const [progresses, footprints, plans] = await Promise.all([
    readJobProgresses(db, ids),
    readFootprints(db, ids),
    isOpen ? latestJobPlans<JobPlans>(db, cell.id) : undefined,
  ]);
  return batches.map((batch) =>
    batchToWire(batch, { progress: progresses.get(batch.id), footprint: footprints.get(batch.id), plans }, cell.clock),
  );
}

export async function batchToWireById(deps: ApiDeps, tenantId: string, id: string): Promise<BatchWire> {
  const [wire] = await batchesToWire(deps, [await ownBatch(deps, tenantId, id)]);
  if (!wire) throw notFound('batch', id);
  return wire;
}

/** @throws NightshiftError `not_found`, also for another tenant's batch */
export async function ownBatch({ db }: ApiDeps, tenantId: string, id: string): Promise<Batch> {
  const batch = await readBatch(db, id);
  if (batch?.tenantId !== tenantId) throw notFound('batch', id);
  return batch;
}
