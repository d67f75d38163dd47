import { gridTimeMs } from '../../domain/clock.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import {
  listStartedBatches,
  listUnstartedBatches,
  markJobLost,
  markJobStarted,
  readBatch,
  readJobStart,
  type Batch,
} from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import type { ApiPorts } from './ports.ts';

/** A job whose start was only just noted is not asked after. */
const LOOKED_AFTER_REAL_MS = MINUTE_MS;

/** Starts the batch's job with what it takes over. @throws NightshiftError `unavailable` */
export async function startJob(
  { database, jobs }: Pick<ApiPorts, 'database' | 'jobs'>,
  batch: Pick<Batch, 'id' | 'endpoint' | 'status'>,
): Promise<void> {
  await jobs.start(batch, await readJobStart(database, batch.id));
}

/** @returns whether Temporal has taken it; if not, `startUnstartedJobs` will start it */
export async function startJobOrLater(ports: ApiPorts, batch: Batch): Promise<boolean> {
  try {
    await startJob(ports, batch);
  } catch (error) {
    ports.logger.warn({ err: error, jobId: batch.id }, 'Temporal has not taken the job; it will be started later');
    return false;
  }
  await markJobStarted(ports.database, batch.id);
  return true;
}

/** Starts the jobs of accepted batches that Temporal has not taken yet; to be called at start and now and then. */
export async function startUnstartedJobs(ports: ApiPorts): Promise<void> {
  for (const id of await listUnstartedBatches(ports.database, ports.cell.id)) {
    const batch = await readBatch(ports.database, id);
    if (batch && !(await startJobOrLater(ports, batch))) return;
  }
}

/**
 * Starts anew the jobs of open batches whose workflow is gone: terminated by hand, or lost with its server. Otherwise
 * such a batch would stay open for ever. It goes on from what is stored, with the shards that it was cut into.
 */
export async function restartLostJobs(ports: ApiPorts, sinceRealMs = LOOKED_AFTER_REAL_MS): Promise<void> {
  const { database, cell, jobs, logger } = ports;
  for (const { id, losses } of await listStartedBatches(database, cell.id, sinceRealMs)) {
    const loss = await jobs.lossOf(id);
    if (loss === undefined || !(await markJobLost(database, id, losses))) continue;
    const message = `The job of ${id} was ${loss} before the batch was done: it is started anew and goes on from what is stored`;
    logger.warn({ jobId: id, loss }, message);
    const atMs = Math.round(gridTimeMs(cell.clock, ports.now()));
    await appendJournal(database, cell.id, [{ atMs, kind: 'fallback', subject: id, message }]);
  }
  await startUnstartedJobs(ports);
}
