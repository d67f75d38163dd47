import { NightshiftError } from '../../domain/errors.ts';
import type { Batch } from '../../store/batches.ts';
import { setJobPaused } from '../../store/jobProgress.ts';
import type { ApiPorts } from './ports.ts';
import { startJob } from './startJobs.ts';

/** Holds a batch back or lets it go on. @throws NightshiftError `invalid_request` for one that has ended, `unavailable` */
export async function setBatchPaused(
  { database, jobs }: Pick<ApiPorts, 'database' | 'jobs'>,
  batch: Batch,
  paused: boolean,
): Promise<void> {
  if (batch.status !== 'validating' && batch.status !== 'in_progress') {
    // Not 409: the SDK would only send it again.
    const message = `The batch is ${batch.status}; only one that is validating or in progress can be paused or resumed.`;
    throw new NightshiftError('invalid_request', message, { field: 'status' });
  }
  await startJob({ database, jobs }, batch);
  await jobs.setPaused(batch.id, paused);
  // Its job says the same in a moment; whoever looks before sees what was asked.
  await setJobPaused(database, batch.id, paused);
}
