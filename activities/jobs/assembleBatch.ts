import pLimit from 'p-limit';
import { acceptedParts, type AcceptedPart } from '../../store/acceptedShards.ts';
import { moveBatch, readBatch, type BatchCounts } from '../../store/batches.ts';
import { acceptShard, verdictOn } from './acceptShard.ts';
import type { JobPorts } from './jobPorts.ts';
import { writeResults, type FinishedBatch } from './writeResults.ts';

/**
 * Writes the batch's output file and error file and moves it to its final state. Every line of the input stands in
 * exactly one of them, in the order of the input; answers that are there count, whatever became of the batch.
 * Running it again writes the same files.
 */
export async function assembleBatch(ports: JobPorts, finished: FinishedBatch): Promise<BatchCounts> {
  const { database } = ports;
  const { batchId, outcome } = finished;
  await moveBatch(database, batchId, ['in_progress'], 'finalizing');
  const parts = await settledParts(ports, finished);
  const { counts, ...written } = await writeResults(ports, finished, parts);
  const moved = await moveBatch(database, batchId, ['finalizing'], outcome, written);
  // Cancelled meanwhile, or before: so it ends, with what was answered.
  if (!moved) await moveBatch(database, batchId, ['cancelling'], 'cancelled', written);
  const batch = await readBatch(database, batchId);
  return batch ?? counts;
}

/**
 * The parts that are delivered. Those of shards that were never completed are verified and paid first, like all others:
 * what is not verified is not delivered, and what is delivered is paid.
 */
async function settledParts(
  ports: JobPorts,
  { batchId: jobId, cellId, split }: FinishedBatch,
): Promise<ReadonlyMap<number, readonly AcceptedPart[]>> {
  const accepted = await acceptedParts(ports.database, jobId);
  const settling = pLimit(SHARDS_AT_ONCE);
  await Promise.all(
    Array.from({ length: split.shards }, (_, shard) => shard)
      .filter((shard) => !accepted.has(shard))
      .map((shard) =>
        settling(() => verdictOn(shard, () => acceptShard(ports, { jobId, cellId, split }, { shard }, 'any'))),
      ),
  );
  return acceptedParts(ports.database, jobId);
}

const SHARDS_AT_ONCE = 8;
