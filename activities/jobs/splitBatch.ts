import type { PreparedBatch } from '../../domain/activities/jobActivities.ts';
import { createBatchLineChecker, linesOf } from '../../domain/batchInput.ts';
import type { BatchInputError } from '../../domain/batches.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { endpointsOf, modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { moveBatch, readBatch, updateBatchCounts, type Batch } from '../../store/batches.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readFile } from '../../store/files.ts';
import { readTenant } from '../../store/tenants.ts';
import { readModel, type Model } from '../../store/models.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { JobPorts } from './jobPorts.ts';

/**
 * Reads the input file once, line by line: checks it and writes the shards' slices. All or nothing: with any bad line
 * the batch is `failed`, with a code and a line number for each. Running it again writes the same slices.
 */
export async function splitBatch(ports: JobPorts, batchId: string): Promise<PreparedBatch> {
  const { database } = ports;
  const batch = await readBatch(database, batchId);
  if (!batch) throw new Error(`batch ${batchId} is not stored`);
  const cut = await cutIntoShards(ports, batch);
  if ('errors' in cut) {
    await moveBatch(database, batchId, ['validating'], 'failed', { errors: cut.errors });
    const message = cut.errors.map((error) => `line ${error.line ?? '-'}: ${error.message}`).join(' ');
    return { kind: 'refused', message };
  }
  await updateBatchCounts(database, batchId, { total: cut.lines, completed: 0, failed: 0, expired: 0 });
  await moveBatch(database, batchId, ['validating'], 'in_progress');
  return { kind: 'ready', split: cut };
}

async function cutIntoShards(
  ports: JobPorts,
  batch: Batch,
): Promise<SplitBatch | { readonly errors: readonly BatchInputError[] }> {
  const { database, objects } = ports;
  const file = await readFile(database, batch.inputFileId);
  if (!file) throw new Error(`file ${batch.inputFileId} is not stored`);
  const checker = createBatchLineChecker(batch.endpoint);
  let sized: SizedModel | undefined;
  let slice: Uint8Array[] = [];
  let shards = 0;
  let lines = 0;
  const writing: Promise<void>[] = [];
  const writeSlice = async (): Promise<void> => {
    const written = objects.put(objectKeys.shardInput(batch.id, shards++), Buffer.concat(slice));
    slice = [];
    // Awaited below; until then a failure is nobody's surprise.
    written.catch(() => {});
    if (writing.push(written) >= SLICES_AT_ONCE) await writing.shift();
  };

  for await (const bytes of linesOf(await objects.getStream(file.objectKey))) {
    const request = checker.take(bytes);
    if (checker.done) break;
    if (!request) continue;
    sized ??= await sizedModel(ports, request.model);
    if (!sized) {
      const message = `The model ${JSON.stringify(request.model)} does not exist.`;
      return { errors: [{ code: 'model_mismatch', line: request.line, message, param: 'model' }] };
    }
    if (sized.endpoints && !sized.endpoints.includes(batch.endpoint)) {
      const message = `The model ${JSON.stringify(request.model)} answers ${sized.endpoints.join(', ')}, not ${batch.endpoint}.`;
      return { errors: [{ code: 'model_mismatch', line: request.line, message, param: 'model' }] };
    }
    lines++;
    slice.push(request.bytes, LINE_FEED);
    if (lines % sized.linesPerShard === 0) await writeSlice();
  }
  const { errors } = checker.finish();
  if (errors.length > 0 || !sized) return { errors };
  if (slice.length > 0) await writeSlice();
  await Promise.all(writing);
  const { model, linesPerShard, linesPerPart } = sized;
  const { name, version, family, sha256 } = model;
  const { deadlineMs, submittedAtMs, metadata, tenantId } = batch;
  const { priority } = parseGridHints(metadata);
  const { weight } = await readTenant(database, tenantId);
  return {
    model: { name, version, family, sha256 },
    lines,
    shards,
    linesPerShard,
    linesPerPart,
    deadlineMs,
    submittedAtMs,
    ...(priority !== undefined && { priority }),
    tenant: { id: tenantId, weight },
    carUrl: ports.carAccess.url,
  };
}

/** A store waits for its disk or its network most of the time that a slice takes. */
const SLICES_AT_ONCE = 16;
const LINE_FEED = Buffer.from('\n');

interface SizedModel extends ReturnType<typeof shardSizeOf> {
  readonly model: Model;
  /** Undefined: its manifest cannot be read, and the cars will say so. */
  readonly endpoints: readonly string[] | undefined;
}

async function sizedModel({ database }: JobPorts, name: string): Promise<SizedModel | undefined> {
  const model = await readModel(database, name);
  if (!model) return undefined;
  const speeds = (await listClassSpeeds(database)).filter(
    (speed) => speed.modelName === model.name && speed.modelVersion === model.version,
  );
  const manifest = modelManifestSchema.safeParse(model.manifest).data;
  return { model, endpoints: manifest && endpointsOf(model.name, manifest.pipeline), ...shardSizeOf(speeds) };
}
