import type { PreparedBatch } from '../../domain/activities/jobActivities.ts';
import { createBatchLineChecker, isBlankLine, linesByChunk, linesOf } from '../../domain/batchInput.ts';
import type { BatchInputError } from '../../domain/batches.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { endpointsOf, modelManifestSchema, type Pipeline } from '../../domain/models.ts';
import { isCanary } from '../../domain/trust/canaries.ts';
import { policyFor, type CheckPolicy } from '../../domain/trust/checkPolicy.ts';
import { canariesIn } from '../../domain/trust/mixedSlice.ts';
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
import { listCheckPolicies } from '../../store/checkPolicies.ts';
import { listClassSpeeds, type ClassSpeed } from '../../store/classSpeeds.ts';
import type { Queryable } from '../../store/database.ts';
import { readFile } from '../../store/files.ts';
import { readTenant } from '../../store/tenants.ts';
import { readModel, type Model, type StoredModel } from '../../store/models.ts';
import { isFamilyServed, largestMemoryMb } from '../../store/vehicles.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { tooLargeFor } from '../../domain/modelMemory.ts';
import { SliceWriter, type Cutting } from './sliceWriter.ts';
import type { JobPorts } from './jobPorts.ts';

/**
 * Reads the input file once, line by line: checks it and writes the shards' slices beside that. All or nothing: with any bad line
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
    const { model, kind, lines, unitsPerLine, speeds, linesPerSlice, quorum } = checked;
    // It would wait for its deadline, since no car takes shards of it.
    if (!(await isFamilyServed(database, cellId, model.family))) return { errors: [notServed(model.family)] };
    const tooLarge = tooLargeFor(await largestMemoryMb(database, cellId, model.family), model);
    if (tooLarge !== undefined)
      return { errors: [{ code: 'model_too_large', line: null, message: tooLarge, param: 'model' }] };
    const size = sizeFor(kind, speeds, unitsPerLine);
    const fits = Math.abs(linesPerSlice / size.linesPerShard - 1) <= MOST_OFF;
    const linesPerShard = fits ? linesPerSlice : size.linesPerShard;
    const cutting = { sizeOf: () => linesPerShard, quorum: () => quorum, canaries: checked.mixing };
    const { slicesPerPack, canaries } = fits ? checked : await writeSlices(objects, batch.id, file.objectKey, cutting);
    const linesPerPart = Math.min(size.linesPerPart, linesPerShard);
    return await splitOf(ports, batch, {
      model,
      lines,
      unitsPerLine,
      linesPerShard,
      linesPerPart,
      ...(quorum > 1 && { quorum }),
      ...(slicesPerPack > 1 && { slicesPerPack }),
      ...(canaries > 0 && { canaries }),
      ...(checked.checkedIn !== null && { checkedIn: checked.checkedIn }),
    });
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

/** A client's local steps are one car's work, however long they take: the car keeps them step by step. */
function sizeFor(
  kind: Pipeline['kind'] | undefined,
  speeds: readonly ClassSpeed[],
  unitsPerLine: number,
): ReturnType<typeof shardSizeOf> {
  return kind === 'training' ? { linesPerShard: 1, linesPerPart: 1 } : shardSizeOf(speeds, unitsPerLine);
}

interface CheckedLines {
  readonly model: StoredModel;
  readonly kind: Pipeline['kind'] | undefined;
  readonly lines: number;
  /** Mean units of work. */
  readonly unitsPerLine: number;
  readonly speeds: readonly ClassSpeed[];
  /** All slices are stored, each of so many lines. */
  readonly linesPerSlice: number;
  readonly slicesPerPack: number;
  /** So many shards answer each slice. */
  readonly quorum: number;
  /** So many lines of each slice are canaries. */
  readonly canaries: number;
  readonly mixing: NonNullable<Cutting['canaries']>;
  readonly checkedIn: string | null;
}

/** Slices of a size that the first lines asked for are kept when all lines ask for one as near as this. */
const MOST_OFF = 0.2;

/** Slices are written beside the check, since the disk would else wait for it, and then be waited for. */
async function checkLines(
  { database, objects, checkKey }: JobPorts,
  { id, endpoint, tenantId, metadata }: Pick<Batch, 'id' | 'endpoint' | 'tenantId' | 'metadata'>,
  objectKey: string,
): Promise<CheckedLines | { readonly errors: readonly BatchInputError[] }> {
  const checker = createBatchLineChecker(endpoint);
  let model: StoredModel | undefined;
  let kind: Pipeline['kind'] | undefined;
  let speeds: readonly ClassSpeed[] = [];
  let quorum = 1;
  let canaryShare = 0;
  let checkedIn: string | null = null;
  const mixing = { checkKey, countIn: (linesPerSlice: number) => canariesIn(linesPerSlice, canaryShare) };
  const slices = new SliceWriter(objects, id, {
    sizeOf: (unitsPerLine) => sizeFor(kind, speeds, unitsPerLine).linesPerShard,
    quorum: () => quorum,
    canaries: mixing,
  });
  for await (const lines of linesByChunk(await objects.getStream(objectKey))) {
    for (const bytes of lines) {
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
        speeds = await speedsOf(database, model);
        const policy = policyFor(await listCheckPolicies(database), { tenantId, modelName: model.name });
        checkedIn = policy.checked_in;
        quorum = quorumOf(policy, { tenantId, metadata }, kind);
        canaryShare = quorum > 1 || isCanary(tenantId) || !takesCanaries(kind) ? 0 : policy.canary_share;
      }
      const room = slices.add(bytes, workUnitsOf(kind, request.body));
      if (room) await room;
    }
    if (checker.done) break;
  }
  const form = await slices.end();
  const { errors, total } = checker.finish();
  if (errors.length > 0 || !model) return { errors };
  const { unitsPerLine, canaries } = slices;
  return { model, kind, lines: total, unitsPerLine, speeds, ...form, quorum, canaries, mixing, checkedIn };
}

/**
 * As the batch asks and at least as the policy says. A client's local steps, which another car may go on with, are one
 * car's; canaries are compared with what is known.
 */
function quorumOf(
  policy: CheckPolicy,
  { tenantId, metadata }: Pick<Batch, 'tenantId' | 'metadata'>,
  kind: Pipeline['kind'] | undefined,
): number {
  if (kind === 'training' || isCanary(tenantId)) return 1;
  return Math.max(parseGridHints(metadata).quorum ?? 1, policy.enabled ? policy.quorum : 1);
}

/** Generated text is drawn anew for each request, so that nobody knows its answer: it is read instead. A client trains once. */
function takesCanaries(kind: Pipeline['kind'] | undefined): boolean {
  return kind !== 'text-generation' && kind !== 'training';
}

async function speedsOf(database: Queryable, { name, version }: Model): Promise<readonly ClassSpeed[]> {
  const speeds = await listClassSpeeds(database);
  return speeds.filter((speed) => speed.modelName === name && speed.modelVersion === version);
}

async function writeSlices(
  objects: ObjectStore,
  batchId: string,
  objectKey: string,
  cutting: Cutting,
): Promise<Pick<CheckedLines, 'slicesPerPack' | 'canaries'>> {
  const slices = new SliceWriter(objects, batchId, cutting);
  for await (const bytes of linesOf(await objects.getStream(objectKey))) {
    const room = isBlankLine(bytes) ? undefined : slices.add(bytes, 1);
    if (room) await room;
  }
  const { slicesPerPack } = await slices.end();
  return { slicesPerPack, canaries: slices.canaries };
}

async function splitOf(
  ports: JobPorts,
  batch: Batch,
  cut: Pick<
    SplitBatch,
    'lines' | 'linesPerShard' | 'linesPerPart' | 'unitsPerLine' | 'quorum' | 'slicesPerPack' | 'canaries' | 'checkedIn'
  > & {
    readonly model: Model;
  },
): Promise<SplitBatch> {
  const { name, version, family, sha256, manifest } = cut.model;
  const { deadlineMs, submittedAtMs, metadata, tenantId } = batch;
  const { priority } = parseGridHints(metadata);
  const { weight } = await readTenant(ports.database, tenantId);
  return {
    ...cut,
    model: { name, version, family, sha256 },
    shards: Math.ceil(cut.lines / cut.linesPerShard) * (cut.quorum ?? 1),
    deadlineMs,
    submittedAtMs,
    ...(priority !== undefined && { priority }),
    tenant: { id: tenantId, weight },
    carUrl: ports.carAccess.url,
    checked: true,
    ...(modelManifestSchema.safeParse(manifest).data?.pipeline.kind === 'text-generation' && { generates: true }),
  };
}
