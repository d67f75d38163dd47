import { customIdOf, parseAnswerLine } from '../../domain/batchLines.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { objectKeys, workflowIds } from '../../domain/names.ts';
import { recordAcceptedShard } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import { measureClassSpeed } from '../../store/classSpeeds.ts';
import { appendJournal } from '../../store/journal.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { bookLedgerEntry } from '../../store/ledger.ts';
import { addShardFootprint } from '../../store/shardFootprints.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { AcceptedShard, FinishedShard } from '../../domain/workflows/shardWave.ts';
import { computeCreditEur } from '../settlement/payRates.ts';
import type { JobPorts } from './jobPorts.ts';
import { attribute, duplicatedLines, readReceipts, type Attribution } from './shardParts.ts';
import { faultOf } from './verifyShard.ts';

interface Job {
  readonly jobId: string;
  readonly cellId: string;
  readonly split: SplitBatch;
}

type CarsWork = Attribution & { readonly vehicle: Vehicle | undefined };

/**
 * Verifies a finished shard, records it and pays the cars that computed it, all in one transaction. A shard that fails
 * verification loses its parts, so that the next car computes it anew instead of finding it done.
 */
export async function acceptShard(ports: JobPorts, job: Job, finished: FinishedShard): Promise<AcceptedShard> {
  const { database, objects } = ports;
  const { jobId, cellId } = job;
  const { shard, result } = finished;
  const slice = (await objects.get(objectKeys.shardInput(jobId, shard))).toString('utf8');
  const customIds = slice.trimEnd().split('\n').map(customIdOf);
  const { answered, broken, partSha256 } = await readAnsweredLines(objects, jobId, shard);
  const receipts = await readReceipts(objects, jobId, shard);
  // A receipt claims the very bytes that are stored: nobody is paid for a part that somebody else wrote.
  const attributions = attribute(
    receipts.filter((receipt) => partSha256.get(objectKeys.part(jobId, shard, receipt.range)) === receipt.partSha256),
  );
  const work: CarsWork[] = await Promise.all(
    attributions.map(async (share) => ({ ...share, vehicle: await readVehicle(database, share.vehicleId) })),
  );

  const classes = new Map((await listHardwareClasses(database)).map((spec) => [spec.id, spec]));

  const nowMs = Math.round(ports.gridNowMs());
  const [cutOff] = broken;
  const fault =
    cutOff === undefined
      ? faultOf(
          customIds,
          answered,
          work.map((share) => ({ ...share, hardwareClass: classes.get(share.vehicle?.hardwareClass ?? '') })),
        )
      : `part ${cutOff} is cut off`;
  if (fault !== undefined) {
    // Receipts first: what has none is computed again.
    for (const prefix of [objectKeys.receiptPrefix(jobId, shard), objectKeys.partPrefix(jobId, shard)]) {
      for (const key of await objects.list(prefix)) await objects.delete(key);
    }
    const message = `shard ${shard} was refused: ${fault}`;
    const dedupeKey = `refused/${jobId}/${shard}/${nowMs}`;
    await appendJournal(database, cellId, [{ atMs: nowMs, kind: 'fallback', subject: jobId, message, dedupeKey }]);
    return { shard, accepted: false, message };
  }

  const failed = [...answered.values()].filter(
    (line) => (parseAnswerLine(line).response?.status_code ?? 0) >= 400,
  ).length;
  await database.transaction(async (tx) => {
    const isFirst = await recordAcceptedShard(tx, {
      jobId,
      shard,
      completed: customIds.length - failed,
      failed,
      handovers: Math.max(result.handovers, work.length - 1),
      redoneLines: result.redoneLines + duplicatedLines(receipts, attributions),
    });
    if (!isFirst) return;
    for (const { vehicle, energyWh, deviceMs, lines } of work) {
      if (!vehicle) continue;
      await bookLedgerEntry(tx, {
        ownerId: vehicle.ownerId,
        vehicleId: vehicle.id,
        kind: 'compute',
        reference: `${workflowIds.job(jobId)}/shard/${shard}`,
        quantity: energyWh / 1000,
        unit: 'kWh',
        amountEur: computeCreditEur(energyWh),
        bookedAtMs: nowMs,
      });
      await addShardFootprint(tx, { jobId, shard, regionId: vehicle.regionId, energyWh, atMs: nowMs });
      await measureClassSpeed(tx, {
        modelName: job.split.model.name,
        modelVersion: job.split.model.version,
        hardwareClass: vehicle.hardwareClass,
        deviceMs,
        units: lines * (job.split.unitsPerLine ?? 1),
      });
    }
    await appendJournal(tx, cellId, handoverLine(jobId, shard, work, nowMs));
  });
  return { shard, accepted: true, message: '' };
}

/** Says where a shard went on when more than one car had part in it. */
function handoverLine(jobId: string, shard: number, work: readonly CarsWork[], atMs: number): JournalLine[] {
  if (work.length < 2) return [];
  const shares = work.map(({ vehicle, vehicleId, ranges }) => {
    const lines = ranges.map(({ start, end }) => (end - start === 1 ? `${start}` : `${start}-${end - 1}`));
    return `${vehicle?.displayName ?? vehicleId} did lines ${lines.join(', ')}`;
  });
  const message = `Shard ${shard} was continued by another car: ${shares.join('; ')}`;
  return [{ atMs, kind: 'handover', subject: jobId, message, dedupeKey: `handover/${jobId}/${shard}` }];
}
