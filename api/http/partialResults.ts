import { batchOfOutputFile } from '../../domain/names.ts';
import { shardsOfSlice, sliceOf } from '../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { readSliceAnswers } from '../../store/answeredLines.ts';
import { readBatch, readBatchSplit, type Batch } from '../../store/batches.ts';
import type { ApiPorts } from './ports.ts';

/** The tenant's batch whose output file will have this id, while it is not written yet. */
export async function runningBatchOf(
  { database }: ApiPorts,
  tenantId: string,
  fileId: string,
): Promise<Batch | undefined> {
  const batchId = batchOfOutputFile(fileId);
  const batch = batchId === undefined ? undefined : await readBatch(database, batchId);
  if (batch?.tenantId !== tenantId || batch.outputFileId !== null) return undefined;
  return batch.status === 'in_progress' || batch.status === 'cancelling' ? batch : undefined;
}

/** Every successful answer that is accepted by now, as lines of the output file, shard by shard. */
export async function* answersSoFar({ database, objects }: ApiPorts, batch: Batch): AsyncGenerator<Uint8Array> {
  const accepted = await acceptedParts(database, batch.id);
  const split = (await readBatchSplit<SplitBatch>(database, batch.id)) ?? {};
  const slices = new Set([...accepted.keys()].map((shard) => sliceOf(split, shard)));
  for (const slice of [...slices].toSorted((a, b) => a - b)) {
    const shards = shardsOfSlice(split, slice);
    // Until all cars of a quorum have answered, nobody knows whether they agree.
    if (!shards.every((shard) => accepted.has(shard))) continue;
    const answered = await readSliceAnswers(objects, batch.id, shards, accepted, split);
    const lines = [...answered].toSorted(([a], [b]) => a - b).map(([, line]) => line);
    const successful = lines.filter((line) => (parseAnswerLine(line).response?.status_code ?? 500) < 400);
    if (successful.length > 0) yield Buffer.from(successful.map((line) => `${line}\n`).join(''));
  }
}
