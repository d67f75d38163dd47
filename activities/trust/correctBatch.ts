import { isFinalBatchStatus } from '../../domain/batches.ts';
import type { BatchEnd } from '../../domain/activities/jobActivities.ts';
import { requestLinesOf } from '../../domain/batchLines.ts';
import { canaryPlaces } from '../../domain/trust/mixedSlice.ts';
import { sliceOf } from '../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { acceptedParts, replaceAcceptedParts, type AcceptedPart } from '../../store/acceptedShards.ts';
import { readBatch, readBatchSplit, setResultFiles } from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceKey } from '../../store/sliceKeys.ts';
import { readSlice } from '../../store/slices.ts';
import {
  listShardsToRedo,
  recordBatchCorrection,
  shardIsRedone,
  type ShardToRedo,
} from '../../store/recalledShards.ts';
import { writeResults } from '../jobs/writeResults.ts';
import { correctedPart, storeCorrections, trustedAnswers } from './trustedAnswers.ts';
import type { TrustPorts } from './trustPorts.ts';

/** @returns the number of the correction, or null when there was nothing to correct */
export async function correctBatch(
  ports: TrustPorts,
  { batchId, cellId }: { readonly batchId: string; readonly cellId: string },
): Promise<number | null> {
  const { database, gridNowMs } = ports;
  const toRedo = await listShardsToRedo(database, { jobId: batchId });
  const batch = await readBatch(database, batchId);
  const split = await readBatchSplit<SplitBatch>(database, batchId);
  if (toRedo.length === 0 || !batch || !split) return null;
  if (!isEnd(batch.status)) throw new Error(`batch ${batchId} has not ended`);

  const parts = new Map(await acceptedParts(database, batchId));
  let lines = 0;
  for (const shard of toRedo) {
    const redone = await redo(ports, split, shard, parts.get(shard.shard) ?? []);
    if (!redone) continue;
    lines += redone.lines;
    parts.set(shard.shard, redone.parts);
    await replaceAcceptedParts(database, batchId, shard.shard, redone.parts);
  }
  const finished = { batchId, cellId, split, outcome: batch.status };
  const { counts: _, ...files } = await writeResults(ports, finished, parts);
  const reason =
    'A car that had answered these lines was caught with false answers; a trusted computer answered them again.';
  return database.transaction(async (tx) => {
    await setResultFiles(tx, batchId, files);
    for (const { shard } of toRedo) await shardIsRedone(tx, batchId, shard);
    const correction = await recordBatchCorrection(tx, batchId, { lines, reason });
    await appendJournal(tx, cellId, [
      {
        atMs: Math.round(await gridNowMs(cellId)),
        kind: 'recalled',
        subject: batchId,
        message: `Output of ${batchId} was corrected: ${lines} lines were computed again. ${reason}`,
        dedupeKey: `corrected/${batchId}/${correction}`,
      },
    ]);
    return correction;
  });
}

/** The trusted answers come first, and so count. @returns undefined when nobody knows the shard's requests any more */
async function redo(
  { objects, trusted }: TrustPorts,
  split: SplitBatch,
  { jobId, shard, vehicleId, ranges }: ShardToRedo,
  parts: readonly AcceptedPart[],
): Promise<{ readonly lines: number; readonly parts: AcceptedPart[] } | undefined> {
  const slice = await unlessNotFound(readSlice(objects, jobId, shard, split));
  if (!slice) return undefined;
  const kept = parts.filter((part) => part.vehicleId !== vehicleId);
  const isKept = (line: number): boolean => kept.some(({ start, end }) => start <= line && line < end);
  const canaries = canaryPlaces(await readSliceKey(objects, split, jobId, sliceOf(split, shard)));
  const lines = new Set<number>();
  for (const { start, end } of ranges) {
    for (let line = start; line < end; line++) if (!isKept(line) && !canaries.has(line)) lines.add(line);
  }
  const requests = { jobId, shard, split, requests: requestLinesOf(slice) };
  const { byLine } = await trustedAnswers(trusted, requests, [...lines]);
  const corrections = await storeCorrections(objects, jobId, shard, byLine);
  return { lines: corrections.length, parts: [...corrections.map(correctedPart), ...kept] };
}

function isEnd(status: string): status is BatchEnd {
  return isFinalBatchStatus(status) && status !== 'failed';
}
