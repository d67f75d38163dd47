import type { PreparedBatch } from '../../domain/activities/jobActivities.ts';
import pLimit from 'p-limit';
import { createBatchLineChecker, isBlankLine, linesOf } from '../../domain/batchInput.ts';
import type { BatchInputError } from '../../domain/batches.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { endpointsOf, modelManifestSchema, type Pipeline } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import {
  moveBatch,
  readBatch,
  readBatchSplit,
  recordBatchSplit,
  updateBatchCounts,
  type Batch,
} from '../../store/batches.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readFile } from '../../store/files.ts';
import { readTenant } from '../../store/tenants.ts';
import { readModel, type Model } from '../../store/models.ts';
import { isFamilyServed } from '../../store/vehicles.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { JobPorts } from './jobPorts.ts';

/**
 * Reads the input file once, line by line: checks it and writes the shards' slices. All or nothing: with any bad line
 * the batch is `failed`, with a code and a line number for each. A batch that was cut before stays cut as it is.
 */
export async function splitBatch(
  ports: JobPorts,
  { batchId, cellId }: { readonly batchId: string; readonly cellId: string },
): Promise<PreparedBatch> {
  const { database } = ports;
  const batch = await readBatch(database, batchId);
  if (!batch) throw new Error(`batch ${batchId} is not stored`);
  const before = await readBatchSplit<SplitBatch>(database, batchId);
  // Speeds may have changed since: cut anew, other lines would have the numbers of shards that are accepted.
  if (before) return { kind: 'ready', split: { ...before, carUrl: ports.carAccess.url } };
  const cut = await cutIntoShards(ports, batch, cellId);
  if ('errors' in cut) {
    const failed = await moveBatch(database, batchId, ['validating'], 'failed', { errors: cut.errors });
    // Its submitter wanted it cancelled before it was read: that is how it ends.
    if (!failed) await moveBatch(database, batchId, ['cancelling'], 'cancelled', { errors: cut.errors });
    const message = cut.errors.map((error) => `line ${error.line ?? '-'}: ${error.message}`).join(' ');
    return { kind: 'refused', message };
  }
  await recordBatchSplit(database, batchId, cut);
  await updateBatchCounts(database, batchId, { total: cut.lines, completed: 0, failed: 0, expired: 0 });
  await moveBatch(database, batchId, ['validating'], 'in_progress');
  return { kind: 'ready', split: cut };
}

async function cutIntoShards(
  ports: JobPorts,
  batch: Batch,
  cellId: string,
): Promise<SplitBatch | { readonly errors: readonly BatchInputError[] }> {
  const { database, objects } = ports;
  const file = await readFile(database, batch.inputFileId);
  if (!file) return { errors: [MISSING_INPUT] };
  try {
    const checked = await checkLines(ports, batch, file.objectKey);
    if ('errors' in checked) return checked;
    const { model, lines, units, kind } = checked;
    // It would wait for its deadline, since no car takes shards of it.
    if (!(await isFamilyServed(database, cellId, model.family))) return { errors: [notServed(model.family)] };
    const unitsPerLine = units / lines;
    const speeds = (await listClassSpeeds(database)).filter(
      (speed) => speed.modelName === model.name && speed.modelVersion === model.version,
    );
    // A client's local steps are one car's work, however long they take: the car keeps them step by step.
    const size = kind === 'training' ? ONE_LINE_A_SHARD : shardSizeOf(speeds, unitsPerLine);
    await writeSlices(objects, batch.id, file.objectKey, size.linesPerShard);
    return await splitOf(ports, batch, { model, lines, unitsPerLine, ...size });
  } catch (error) {
    // Deleted or expired since it was found.
    if (error instanceof NightshiftError && error.code === 'object_not_found') return { errors: [MISSING_INPUT] };
    throw error;
  }
}

const MISSING_INPUT: BatchInputError = {
  code: 'missing_input_file',
  line: null,
  message: 'The input file was deleted or has expired before it was read. Upload it again and create a new batch.',
  param: 'input_file_id',
};

function notServed(family: string): BatchInputError {
  const message = `No car serves models of the family ${JSON.stringify(family)}: cars are enrolled with the families that they take.`;
  return { code: 'model_not_served', line: null, message, param: 'model' };
}

const ONE_LINE_A_SHARD = { linesPerShard: 1, linesPerPart: 1 } as const;

interface CheckedLines {
  readonly model: Model;
  readonly kind: Pipeline['kind'] | undefined;
  readonly lines: number;
  readonly units: number;
}

async function checkLines(
  { database, objects }: JobPorts,
  { endpoint, tenantId }: Pick<Batch, 'endpoint' | 'tenantId'>,
  objectKey: string,
): Promise<CheckedLines | { readonly errors: readonly BatchInputError[] }> {
  const checker = createBatchLineChecker(endpoint);
  let model: Model | undefined;
  let kind: Pipeline['kind'] | undefined;
  let units = 0;
  for await (const bytes of linesOf(await objects.getStream(objectKey))) {
    const request = checker.take(bytes);
    if (checker.done) break;
    if (!request) continue;
    if (!model) {
      model = await readModel(database, tenantId, request.model);
      if (!model) {
        const message = `The model ${JSON.stringify(request.model)} does not exist.`;
        return { errors: [{ code: 'model_mismatch', line: request.line, message, param: 'model' }] };
      }
      const manifest = modelManifestSchema.safeParse(model.manifest).data;
      kind = manifest?.pipeline.kind;
      // One whose manifest cannot be read has none, and the cars will say so.
      const endpoints = manifest && endpointsOf(model.name, manifest.pipeline);
      if (endpoints && !endpoints.includes(endpoint)) {
        const message = `The model ${JSON.stringify(request.model)} answers ${endpoints.join(', ')}, not ${endpoint}.`;
        return { errors: [{ code: 'model_mismatch', line: request.line, message, param: 'model' }] };
      }
    }
    units += workUnitsOf(kind, request.body);
  }
  const { errors, total } = checker.finish();
  return errors.length > 0 || !model ? { errors } : { model, kind, lines: total, units };
}

async function writeSlices(
  objects: ObjectStore,
  batchId: string,
  objectKey: string,
  linesPerShard: number,
): Promise<void> {
  const writing = pLimit(SLICES_AT_ONCE);
  const written: Promise<void>[] = [];
  let slice: Uint8Array[] = [];
  const writeSlice = async (): Promise<void> => {
    const key = objectKeys.shardInput(batchId, written.length);
    const body = Buffer.concat(slice);
    slice = [];
    const write = writing(() => objects.put(key, body));
    // Awaited below; until then a failure is nobody's surprise.
    write.catch(() => {});
    written.push(write);
    await written[written.length - SLICES_AT_ONCE];
  };
  for await (const bytes of linesOf(await objects.getStream(objectKey))) {
    if (isBlankLine(bytes)) continue;
    slice.push(bytes, LINE_FEED);
    if (slice.length === 2 * linesPerShard) await writeSlice();
  }
  if (slice.length > 0) await writeSlice();
  await Promise.all(written);
}

async function splitOf(
  ports: JobPorts,
  batch: Batch,
  cut: Pick<SplitBatch, 'lines' | 'linesPerShard' | 'linesPerPart' | 'unitsPerLine'> & { readonly model: Model },
): Promise<SplitBatch> {
  const { name, version, family, sha256, manifest } = cut.model;
  const { deadlineMs, submittedAtMs, metadata, tenantId } = batch;
  const { priority } = parseGridHints(metadata);
  const { weight } = await readTenant(ports.database, tenantId);
  return {
    ...cut,
    model: { name, version, family, sha256 },
    shards: Math.ceil(cut.lines / cut.linesPerShard),
    deadlineMs,
    submittedAtMs,
    ...(priority !== undefined && { priority }),
    tenant: { id: tenantId, weight },
    carUrl: ports.carAccess.url,
    checked: true,
    ...(modelManifestSchema.safeParse(manifest).data?.pipeline.kind === 'text-generation' && { generates: true }),
  };
}

/** A store waits for its disk or its network most of the time that a slice takes. */
const SLICES_AT_ONCE = 16;
const LINE_FEED = Buffer.from('\n');
