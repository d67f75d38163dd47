import { batchOfOutputFile } from '../../domain/names.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import { readBatch, type Batch } from '../../store/batches.ts';
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
  for (const [shard, parts] of [...accepted].toSorted(([a], [b]) => a - b)) {
    const answered = await readAnsweredLines(objects, batch.id, shard, parts);
    const lines = [...answered].toSorted(([a], [b]) => a - b).map(([, line]) => line);
    const successful = lines.filter((line) => (parseAnswerLine(line).response?.status_code ?? 500) < 400);
    if (successful.length > 0) yield Buffer.from(successful.map((line) => `${line}\n`).join(''));
  }
}
