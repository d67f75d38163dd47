import { DAY_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { objectKeys } from '../../domain/names.ts';
import { foldBatch, listBatchesToFold, removeFoldedBatches } from '../../store/foldedBatches.ts';
import { listEndedBatchesWithWork, markWorkRemoved } from '../../store/batches.ts';
import { deleteFile, listExpiredFiles, type StoredFile } from '../../store/files.ts';
import { forgetBefore, forgetSettledBefore } from '../../store/retention.ts';
import type { ApiPorts } from './ports.ts';

/** At one go; the rest waits for the next. */
const MAX_AT_ONCE = 100;
/** A wave may still hand in what its cars had, and settle it, for as long as a slot lasts; a day is safe. */
const WORK_KEPT_REAL_MS = DAY_MS;
const DELETES_AT_ONCE = 16;

/** Removes a file's bytes, then its entry: after a crash between them the entry is still there to go on from. */
export async function removeFile(
  { database, objects }: Pick<ApiPorts, 'database' | 'objects'>,
  { id, objectKey }: Pick<StoredFile, 'id' | 'objectKey'>,
): Promise<void> {
  await objects.delete(objectKey);
  await deleteFile(database, id);
}

/**
 * Removes what nobody may read any more: files past their expiry, what batches that ended a day ago worked with, and
 * what is older than the retention. To be called now and then.
 */
export async function tidyUp(
  ports: Pick<ApiPorts, 'database' | 'objects' | 'cell' | 'now' | 'retention'>,
): Promise<void> {
  const { database, objects, cell } = ports;
  for (const file of await listExpiredFiles(database, MAX_AT_ONCE)) await removeFile(ports, file);
  for (const batchId of await listEndedBatchesWithWork(database, WORK_KEPT_REAL_MS, MAX_AT_ONCE)) {
    const keys = await objects.list(objectKeys.jobPrefix(batchId));
    for (let from = 0; from < keys.length; from += DELETES_AT_ONCE) {
      await Promise.all(keys.slice(from, from + DELETES_AT_ONCE).map((key) => objects.delete(key)));
    }
    await markWorkRemoved(database, batchId);
  }
  const { days, settledDays } = ports.retention;
  for (const batchId of await listBatchesToFold(database, settledDays * DAY_MS, MAX_AT_ONCE)) {
    await foldBatch(database, batchId);
  }
  await removeFoldedBatches(database, MAX_AT_ONCE);
  const nowMs = gridTimeMs(cell.clock, ports.now());
  await forgetBefore(database, cell.id, nowMs - days * DAY_MS);
  await forgetSettledBefore(database, cell.id, nowMs - settledDays * DAY_MS);
}
