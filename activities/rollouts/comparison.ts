import { createHash } from 'node:crypto';

import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import {
  batchRequestLineSchema,
  customIdOf,
  parseAnswerLine,
  requestLinesOf,
  type BatchRequestLine,
} from '../../domain/batchLines.ts';
import { linesOf } from '../../domain/batchInput.ts';
import { isFinalBatchStatus } from '../../domain/batches.ts';
import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import { newId } from '../../domain/ids.ts';
import { parseJson } from '../../domain/json.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { agreementOf } from '../../domain/rollouts/agreement.ts';
import type { VersionsCompared, VersionWork } from '../../domain/rollouts/judgeVersions.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { partReceiptSchema, type ModelRef } from '../../domain/shards.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { Comparison, Rollout } from '../../domain/workflows/modelRollout.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import { readAttemptFailures } from '../../store/attemptFailures.ts';
import {
  insertBatch,
  markJobStarted,
  moveBatch,
  readBatch,
  readBatchSplit,
  recordBatchSplit,
  updateBatchCounts,
} from '../../store/batches.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { insertFile, readFile } from '../../store/files.ts';
import { readModel } from '../../store/models.ts';
import { listPresentBatches } from '../../store/rollouts.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceOfJob } from '../../store/slices.ts';
import { readVehicle } from '../../store/vehicles.ts';
import type { RolloutPorts } from './rolloutPorts.ts';

/** Canaries are few, and each is to have some. */
const MAX_LINES_PER_SHARD = 16;
const MIN_REQUESTS = 1;
const BATCHES_LOOKED_AT = 20;
/** Of one batch, so that one tenant's requests do not stand for all. */
const MAX_SHARE_OF_ONE_BATCH = 0.5;
/** The files hold tenants' requests: they are kept for as long as an operator looks at a roll-out. */
const FILE_LIFE_SECONDS = 7 * (DAY_MS / 1_000);

export async function beginComparison(
  ports: RolloutPorts,
  { rollout, wave }: { readonly rollout: Rollout; readonly wave: number },
): Promise<Comparison | null> {
  const { database } = ports;
  const { cellId, name, version, previousVersion, family, spec } = rollout;
  const sample = await sampleRequests(ports, rollout);
  if (!sample) return null;
  const nowMs = Math.round(await ports.gridNowMs(cellId));
  const deadlineMs = nowMs + Math.round(spec.compare.hours * HOUR_MS);
  const present = await readModel(database, DEFAULT_TENANT, name, previousVersion);
  const kind = modelManifestSchema.safeParse(present?.manifest).data?.pipeline.kind;
  const units = sample.lines.reduce((sum, line) => sum + workUnitsOf(kind, requestBodyOf(line)), 0);
  const unitsPerLine = units / sample.lines.length;
  const speeds = (await listClassSpeeds(database)).filter(
    ({ modelName, modelVersion }) => modelName === name && modelVersion === previousVersion,
  );
  // As of the version that is known: both are cut alike.
  const size = shardSizeOf(speeds, unitsPerLine);
  const linesPerShard = Math.min(MAX_LINES_PER_SHARD, size.linesPerShard);
  const linesPerPart = Math.min(linesPerShard, size.linesPerPart);
  const store = async (role: 'present' | 'next', of: string): Promise<string> => {
    const model = await readModel(database, DEFAULT_TENANT, name, of);
    if (!model) throw new Error(`version ${of} of ${name} is not published`);
    // An attempt that is repeated finds what the one before has stored.
    const requestHash = createHash('sha256')
      .update(JSON.stringify([rollout.id, wave, nowMs, role]))
      .digest('hex');
    const id = newId('batch_', ports.now());
    const ref: ModelRef = { name, version: of, family, sha256: model.sha256 };
    const isText = modelManifestSchema.safeParse(model.manifest).data?.pipeline.kind === 'text-generation';
    const split: SplitBatch = {
      model: ref,
      lines: sample.lines.length,
      shards: Math.ceil(sample.lines.length / linesPerShard),
      linesPerShard,
      linesPerPart,
      unitsPerLine,
      deadlineMs,
      submittedAtMs: nowMs,
      priority: LOWEST_PRIORITY,
      tenant: { id: DEFAULT_TENANT, weight: 1 },
      carUrl: ports.carAccess.url,
      checked: !isText,
    };
    await storeBatch(ports, { id, cellId, endpoint: sample.endpoint, split, lines: sample.lines, requestHash });
    return id;
  };
  return { presentBatchId: await store('present', previousVersion), nextBatchId: await store('next', version) };
}

function requestBodyOf(line: string): BatchRequestLine['body'] {
  return batchRequestLineSchema.parse(JSON.parse(line)).body;
}

const LOWEST_PRIORITY = 5;

interface Sample {
  readonly endpoint: string;
  readonly lines: readonly string[];
}

/** Requests of the newest batches that the present version answers, each under a custom_id of its own. */
async function sampleRequests({ database, objects }: RolloutPorts, rollout: Rollout): Promise<Sample | undefined> {
  const wanted = rollout.spec.compare.requests;
  const batches = await listPresentBatches(database, rollout, BATCHES_LOOKED_AT);
  const endpoint = batches[0]?.endpoint;
  const ofOneUse = batches.filter((batch) => batch.endpoint === endpoint);
  const most = ofOneUse.length === 1 ? wanted : Math.ceil(wanted * MAX_SHARE_OF_ONE_BATCH);
  const lines: string[] = [];
  for (const { inputFileId } of ofOneUse) {
    const file = await readFile(database, inputFileId);
    const stream = file && (await unlessNotFound(objects.getStream(file.objectKey)));
    if (!stream) continue;
    const until = Math.min(wanted, lines.length + most);
    for await (const bytes of linesOf(stream)) {
      if (lines.length >= until) break;
      const request = batchRequestLineSchema.safeParse(parseJson(bytes.toString()));
      if (request.success) lines.push(JSON.stringify({ ...request.data, custom_id: `${lines.length}` }));
    }
    if (lines.length >= wanted) break;
  }
  return endpoint === undefined || lines.length < MIN_REQUESTS ? undefined : { endpoint, lines };
}

/** A batch that is cut already, so that its job takes the version that it is meant to be answered by. */
async function storeBatch(
  { database, objects, now }: RolloutPorts,
  batch: {
    readonly id: string;
    readonly cellId: string;
    readonly endpoint: string;
    readonly split: SplitBatch;
    readonly lines: readonly string[];
    readonly requestHash: string;
  },
): Promise<void> {
  const { id, cellId, endpoint, split, lines, requestHash } = batch;
  const inputFileId = newId('file-', now());
  const body = Buffer.from(`${lines.join('\n')}\n`);
  const objectKey = objectKeys.file(inputFileId);
  await objects.put(objectKey, body);
  for (let shard = 0; shard < split.shards; shard++) {
    const slice = lines.slice(shard * split.linesPerShard, (shard + 1) * split.linesPerShard);
    await objects.put(objectKeys.shardInput(id, shard), `${slice.join('\n')}\n`);
  }
  await database.transaction(async (tx) => {
    const filename = `${id}_comparison.jsonl`;
    await insertFile(tx, {
      id: inputFileId,
      filename,
      purpose: 'batch',
      bytes: body.byteLength,
      objectKey,
      lifeSeconds: FILE_LIFE_SECONDS,
    });
    await insertBatch(tx, {
      id,
      endpoint,
      inputFileId,
      completionWindow: '24h',
      metadata: { 'rollout.model': `${split.model.name} ${split.model.version}` },
      outputExpiresAfterSeconds: FILE_LIFE_SECONDS,
      deadlineMs: split.deadlineMs,
      submittedAtMs: split.submittedAtMs ?? 0,
      idempotencyKey: null,
      requestHash,
      cellId,
    });
    await recordBatchSplit(tx, id, split);
    await updateBatchCounts(tx, id, { total: split.lines, completed: 0, failed: 0, expired: 0 });
    await moveBatch(tx, id, ['validating'], 'in_progress');
    // The roll-out starts its job.
    await markJobStarted(tx, id);
  });
}

export async function readComparison(
  ports: RolloutPorts,
  { rollout, presentBatchId, nextBatchId }: { readonly rollout: Rollout } & Comparison,
): Promise<VersionsCompared | null> {
  for (const id of [presentBatchId, nextBatchId]) {
    const batch = await readBatch(ports.database, id);
    if (batch && !isFinalBatchStatus(batch.status)) return null;
  }
  const [present, next] = [await answersOf(ports, presentBatchId), await answersOf(ports, nextBatchId)];
  const { min_agreement: least } = rollout.spec.compare;
  let compared = 0;
  let disagreeing = 0;
  let sum = 0;
  for (const [customId, reference] of present) {
    const answer = next.get(customId);
    // Nobody had time for it: that says nothing of the version.
    if (!answer) continue;
    const agreement = answer.status === reference.status ? agreementOf(answer.body, reference.body) : 0;
    compared += 1;
    sum += agreement;
    if (agreement < least) disagreeing += 1;
  }
  return {
    compared,
    disagreeing,
    meanAgreement: compared === 0 ? null : sum / compared,
    present: await workOf(ports, presentBatchId),
    next: await workOf(ports, nextBatchId),
  };
}

/** As they were accepted, checked against a trusted computer: a car that lies is not held against the version. */
async function answersOf(
  { database, objects }: RolloutPorts,
  batchId: string,
): Promise<ReadonlyMap<string, { readonly status: number; readonly body: unknown }>> {
  const answers = new Map<string, { status: number; body: unknown }>();
  for (const [shard, parts] of await acceptedParts(database, batchId)) {
    const slice = await unlessNotFound(readSliceOfJob({ database, objects }, batchId, shard));
    const requests = slice ? requestLinesOf(slice) : [];
    for (const [line, text] of await readAnsweredLines(objects, batchId, shard, parts)) {
      const { response } = parseAnswerLine(text);
      const request = requests[line];
      if (response && request !== undefined) {
        answers.set(customIdOf(request), { status: response.status_code, body: response.body });
      }
    }
  }
  return answers;
}

/** By the receipts of accepted parts, and the failures that were counted. */
async function workOf({ database, objects }: RolloutPorts, batchId: string): Promise<VersionWork> {
  const split = await readBatchSplit<SplitBatch>(database, batchId);
  const byClass: Record<string, { lines: number; deviceMs: number; energyWh: number }> = {};
  const classes = new Map<string, string | undefined>();
  for (const [shard, parts] of await acceptedParts(database, batchId)) {
    for (const { start, end, vehicleId } of parts) {
      if (vehicleId === undefined) continue;
      const bytes = await unlessNotFound(objects.get(objectKeys.receipt(batchId, shard, { start, end }, vehicleId)));
      const receipt = partReceiptSchema.safeParse(parseJson(bytes?.toString('utf8') ?? '')).data;
      if (!classes.has(vehicleId)) classes.set(vehicleId, (await readVehicle(database, vehicleId))?.hardwareClass);
      const hardwareClass = classes.get(vehicleId);
      if (!receipt || hardwareClass === undefined) continue;
      const work = (byClass[hardwareClass] ??= { lines: 0, deviceMs: 0, energyWh: 0 });
      work.lines += end - start;
      work.deviceMs += receipt.deviceMs;
      work.energyWh += receipt.energyWh;
    }
  }
  const failures = await readAttemptFailures(database, [batchId]);
  return { shards: split?.shards ?? 0, failedAttempts: failures.get(batchId)?.failures ?? 0, byClass };
}
