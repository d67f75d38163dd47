import { isFinalBatchStatus } from '../../domain/batches.ts';
import type { CaughtCar, RecalledWork } from '../../domain/activities/trustActivities.ts';
import { bookingKeys } from '../../domain/ledger.ts';
import { objectKeys, receiptOfKey, workflowIds } from '../../domain/names.ts';
import { appendJournal } from '../../store/journal.ts';
import { correctBooking } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { listQuarantines } from '../../store/quarantines.ts';
import { listShardsToRedo, recallShardsOf, type ShardToRedo } from '../../store/recalledShards.ts';
import type { TrustPorts } from './trustPorts.ts';

/** Takes back acceptance and pay first, all in one transaction, and then what the car has stored. */
export async function recallWork(
  { database, objects, gridNowMs }: TrustPorts,
  { vehicleId, quarantineId, cellId }: CaughtCar & { readonly cellId: string },
): Promise<RecalledWork> {
  const nowMs = Math.round(await gridNowMs(cellId));
  const toRedo = await database.transaction(async (tx) => {
    await recallShardsOf(tx, quarantineId, vehicleId);
    const recalled = await listShardsToRedo(tx, { quarantineId });
    const quarantine = (await listQuarantines(tx, vehicleId)).find((each) => each.quarantineId === quarantineId);
    const reason = `The car is in quarantine. ${quarantine?.reason ?? ''}`.trim();
    for (const { jobId, shard } of recalled) {
      const corrects = bookingKeys.compute(`${workflowIds.job(jobId)}/shard/${shard}`, vehicleId);
      const key = `recall/${quarantineId}/${corrects}`;
      await correctBooking(tx, { corrects, key, keep: 0, of: 'all', reason, atMs: nowMs });
    }
    if (recalled.length > 0) {
      const message = `${recalled.length} accepted shards in which ${vehicleId} had part are computed again, and it is not paid for them`;
      await appendJournal(tx, cellId, [
        { atMs: nowMs, kind: 'recalled', subject: vehicleId, message, dedupeKey: `recalled/${quarantineId}` },
      ]);
    }
    return recalled;
  });
  for (const shard of toRedo) if (shard.status === 'in_progress') await removeAnswers(objects, shard);
  const running = new Map<string, number[]>();
  for (const { jobId, shard, status } of toRedo) {
    if (status === 'in_progress') running.set(jobId, [...(running.get(jobId) ?? []), shard]);
  }
  return {
    reopened: [...running].map(([jobId, shards]) => ({ jobId, shards })),
    ended: [...new Set(toRedo.filter(({ status }) => isFinalBatchStatus(status)).map(({ jobId }) => jobId))],
  };
}

/** Receipts before parts: what has no receipt is computed again. */
async function removeAnswers(objects: ObjectStore, { jobId, shard, vehicleId }: ShardToRedo): Promise<void> {
  for (const key of await objects.list(objectKeys.receiptPrefix(jobId, shard))) {
    const receipt = receiptOfKey(key);
    if (receipt?.vehicleId !== vehicleId) continue;
    await objects.delete(key);
    await objects.delete(objectKeys.part(jobId, shard, receipt.range, vehicleId));
  }
}
