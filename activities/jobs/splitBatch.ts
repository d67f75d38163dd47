import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { BatchInputCheck } from '../../domain/batchInput.ts';
import type { BatchInputError } from '../../domain/batches.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { moveBatch, readBatch, updateBatchCounts, type Batch } from '../../store/batches.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readFile } from '../../store/files.ts';
import { listModels, type Model } from '../../store/models.ts';
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
  ports: JobPorts,
  batchId: string,
  onShard: (shard: number) => void,
): Promise<PreparedBatch> {
  const { database } = ports;
  const batch = await readBatch(database, batchId);
  if (!batch) throw new Error(`batch ${batchId} is not stored`);
  const model = await modelFor(ports, batch.endpoint);
  const cut = model
    ? await cutIntoShards(ports, batch, model, onShard)
    : [
        {
          code: 'model_mismatch' as const,
          line: null,
          message: `No model answers ${batch.endpoint}.`,
          param: 'endpoint',
        },
      ];
  if (Array.isArray(cut)) {
    await moveBatch(database, batchId, ['validating'], 'failed', { errors: cut });
    return { kind: 'refused', message: cut.map(({ line, message }) => `line ${line ?? '-'}: ${message}`).join(' ') };
  }
  await updateBatchCounts(database, batchId, { total: cut.lines, completed: 0, failed: 0, expired: 0 });
  await moveBatch(database, batchId, ['validating'], 'in_progress');
  return { kind: 'ready', split: cut };
}

async function modelFor({ database }: JobPorts, endpoint: string): Promise<Model | undefined> {
  const models = await listModels(database);
  return models.find((candidate) => modelManifestSchema.parse(candidate.manifest).requestUrl === endpoint);
}

/** @returns what the batch was split into, or what is wrong with its lines */
async function cutIntoShards(
  { database, objects }: JobPorts,
  batch: Batch,
  model: Model,
  onShard: (shard: number) => void,
): Promise<SplitBatch | BatchInputError[]> {
  const file = await readFile(database, batch.inputFileId);
  if (!file) throw new Error(`file ${batch.inputFileId} is not stored`);
  const { name, version, family, sha256 } = model;
  const speeds = (await listClassSpeeds(database)).filter(
    (speed) => speed.modelName === name && speed.modelVersion === version,
  );
  const size = shardSizeOf(speeds);
  const check = new BatchInputCheck(batch.endpoint);
  const errors: BatchInputError[] = [];
  let slice: string[] = [];
  let shards = 0;
  let lines = 0;
  const writeSlice = async (): Promise<void> => {
    await objects.put(objectKeys.shardInput(batch.id, shards), `${slice.join('\n')}\n`);
    onShard(shards++);
    slice = [];
  };

  const input = Readable.from(await objects.getStream(file.objectKey));
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const error = check.next(line);
    if (error && errors.push(error) >= MOST_ERRORS) break;
    if (errors.length > 0) continue;
    lines++;
    if (slice.push(line) === size.linesPerShard) await writeSlice();
  }
  const missing = check.end();
  if (missing) errors.push(missing);
  if (errors.length > 0) return errors;
  if (slice.length > 0) await writeSlice();
  return { model: { name, version, family, sha256 }, lines, shards, ...size, deadlineMs: batch.deadlineMs };
}
