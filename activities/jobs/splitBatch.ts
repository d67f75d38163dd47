import { createInterface } from 'node:readline';
import { checkBatchLine, createBatchCheck } from '../../domain/batchInput.ts';
import type { BatchInputError } from '../../domain/batches.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { moveBatch, readBatch, updateBatchCounts, type Batch } from '../../store/batches.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readFile } from '../../store/files.ts';
import { listModels } from '../../store/models.ts';
import type { SplitBatch } from '../../workflows/messages.ts';
import type { JobPorts } from './jobActivities.ts';
import { shardSizeOf } from './shardSize.ts';

export type PreparedBatch =
  | { readonly kind: 'ready'; readonly split: SplitBatch }
  | { readonly kind: 'refused'; readonly message: string };

/** Errors that a batch reports at most; a file of the wrong kind would else report one for each line. */
const MOST_ERRORS = 100;

/**
 * Reads the input file once, line by line: checks it and writes the shards' slices. All or nothing: with any bad line
 * the batch is `failed`, with a code and a line number for each. Running it again writes the same slices.
 */
export async function splitBatch(
  { database, objects }: JobPorts,
  batchId: string,
  onShard: (shard: number) => void,
): Promise<PreparedBatch> {
  const batch = await readBatch(database, batchId);
  if (!batch) throw new Error(`batch ${batchId} is not stored`);
  const model = (await listModels(database)).find(
    (candidate) => modelManifestSchema.parse(candidate.manifest).requestUrl === batch.endpoint,
  );
  if (!model) {
    const message = `no model answers ${batch.endpoint}`;
    return refuse(database, batch, [{ code: 'model_mismatch', line: null, message, param: 'endpoint' }]);
  }
  const file = await readFile(database, batch.inputFileId);
  if (!file) throw new Error(`file ${batch.inputFileId} is not stored`);

  const speeds = (await listClassSpeeds(database)).filter(
    (speed) => speed.modelName === model.name && speed.modelVersion === model.version,
  );
  const size = shardSizeOf(speeds);
  const check = createBatchCheck(batch.endpoint);
  const errors: BatchInputError[] = [];
  let slice: string[] = [];
  let shards = 0;
  let lines = 0;
  const writeSlice = async (): Promise<void> => {
    onShard(shards);
    await objects.put(objectKeys.shardInput(batchId, shards++), `${slice.join('\n')}\n`);
    slice = [];
  };

  for await (const line of createInterface({ input: await objects.getStream(file.objectKey), crlfDelay: Infinity })) {
    const error = checkBatchLine(check, line);
    if (error && errors.push(error) >= MOST_ERRORS) break;
    if (error || errors.length > 0) continue;
    lines++;
    if (slice.push(line) === size.linesPerShard) await writeSlice();
  }
  return { kind: 'refused', message: '' };
}
