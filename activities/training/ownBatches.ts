import { newId } from '../../domain/ids.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { objectKeys } from '../../domain/names.ts';
import type { OwnPhaseKind } from '../../domain/ownData.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { TRAINING_ENDPOINT, type OwnTask } from '../../domain/training.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { insertBatch, markJobStarted, moveBatch, recordBatchSplit, updateBatchCounts } from '../../store/batches.ts';
import { insertBatchTerms } from '../../store/batchTerms.ts';
import { insertFile } from '../../store/files.ts';
import { recordOwnBatches, type OwnBatch, type OwnCar } from '../../store/ownTraining.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { readTenant } from '../../store/tenants.ts';
import type { TrainingRound, TrainingRun } from '../../store/trainingRuns.ts';
import { INPUT_LIFE_SECONDS } from './tasks.ts';
import type { TrainingPorts } from './trainingPorts.ts';

interface OwnPhaseBatches {
  readonly run: TrainingRun;
  readonly model: ModelRef;
  readonly round: TrainingRound;
  readonly place: number;
  readonly kind: OwnPhaseKind;
  readonly requests: readonly { readonly car: OwnCar; readonly body: OwnTask }[];
  readonly weightBytes: Uint8Array;
  /** Grid time. */
  readonly untilMs: number;
}

/**
 * A batch for each car, cut already and of the family that it alone serves: so the car's part is planned, metered and paid
 * like all work, and no other car can take it. Nothing can be computed again elsewhere, so nothing is checked.
 */
export async function storeOwnBatches(ports: TrainingPorts, phase: OwnPhaseBatches): Promise<readonly string[]> {
  const { database, objects } = ports;
  const { run, model, round, place, kind, requests, weightBytes, untilMs } = phase;
  const { tenantId, plan, cellId } = run;
  const nowMs = Math.round(await ports.gridNowMs(cellId));
  const prices = await readPriceBookAt(database, nowMs);
  const tenant = await readTenant(database, tenantId);
  const { priority } = parseGridHints(plan.hints);
  const stored: (OwnBatch & { readonly store: (tx: Parameters<typeof insertBatch>[0]) => Promise<void> })[] = [];
  for (const { car, body } of requests) {
    const batchId = newId('batch_', ports.now());
    const fileId = batchId.replace(/^batch_/, 'file-');
    const objectKey = objectKeys.file(fileId);
    const line = `${JSON.stringify({ custom_id: 'own', method: 'POST', url: TRAINING_ENDPOINT, body })}\n`;
    await objects.put(objectKey, line);
    await objects.put(objectKeys.shardInput(batchId, 0), line);
    if (kind === 'update' || kind === 'keys') await objects.put(objectKeys.jobWeights(batchId), weightBytes);
    const split: SplitBatch = {
      model: { name: model.name, version: model.version, sha256: model.sha256, family: car.family },
      lines: 1,
      shards: 1,
      linesPerShard: 1,
      linesPerPart: 1,
      unitsPerLine: 1,
      deadlineMs: untilMs,
      submittedAtMs: nowMs,
      ...(priority !== undefined && { priority }),
      tenant: { id: tenantId, weight: tenant.weight },
      checked: false,
    };
    const store = async (tx: Parameters<typeof insertBatch>[0]): Promise<void> => {
      await insertFile(tx, {
        id: fileId,
        tenantId,
        filename: `${run.name}-round-${round.round}-${kind}.jsonl`,
        purpose: 'batch',
        bytes: Buffer.byteLength(line),
        objectKey,
        lifeSeconds: INPUT_LIFE_SECONDS,
      });
      await insertBatch(tx, {
        id: batchId,
        tenantId,
        cellId,
        endpoint: TRAINING_ENDPOINT,
        inputFileId: fileId,
        completionWindow: '24h',
        metadata: { ...plan.hints, 'training.run': run.id, 'training.round': `${round.round}`, 'training.phase': kind },
        outputExpiresAfterSeconds: INPUT_LIFE_SECONDS,
        deadlineMs: untilMs,
        submittedAtMs: nowMs,
        idempotencyKey: null,
        requestHash: batchId,
      });
      const currency = tenant.currency ?? prices.book.currency;
      const terms = { batchId, priceBook: prices.version, currency };
      await insertBatchTerms(tx, { ...terms, estimateMicros: null, capMicros: null, quoteId: null });
      await recordBatchSplit(tx, batchId, split);
      await updateBatchCounts(tx, batchId, { total: 1, completed: 0, failed: 0, expired: 0 });
      await moveBatch(tx, batchId, ['validating'], 'in_progress');
      // Its run starts the job, and nobody else.
      await markJobStarted(tx, batchId);
    };
    stored.push({ place, kind, vehicleId: car.vehicleId, batchId, store });
  }
  await database.transaction(async (tx) => {
    for (const { store } of stored) await store(tx);
    await recordOwnBatches(tx, round, stored);
  });
  return stored.map(({ batchId }) => batchId);
}
