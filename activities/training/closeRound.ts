import { createHash, randomBytes } from 'node:crypto';

import type { RoundOutcome } from '../../domain/activities/trainingActivities.ts';
import { parseAnswerLine, requestLinesOf } from '../../domain/batchLines.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import {
  trainingTaskSchema,
  trainingUpdateSchema,
  type TrainingPlan,
  type TrainingTask,
} from '../../domain/training.ts';
import { updateDistance } from '../../domain/trust/sameAnswer.ts';
import { acceptedParts, readHandovers, type AcceptedPart } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import { readBatch } from '../../store/batches.ts';
import { readFile } from '../../store/files.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceOfJob } from '../../store/slices.ts';
import { readFootprints } from '../../store/shardFootprints.ts';
import { closeTrainingRound, listTrainingRounds, type TrainingRound } from '../../store/trainingRuns.ts';
import { bytesFromFloats, floatsFromBase64, floatsFromBytes } from '../../training/floats.ts';
import { clip } from '../../training/localSteps.ts';
import { addNoise, epsilonOf } from '../../training/privacy.ts';
import { normal } from '../../training/random.ts';
import { aggregate, UpdateMean, type WeighedUpdate } from '../../training/strategies/aggregate.ts';
import { serverStep } from '../../training/strategies/serverStep.ts';
import { stateOf } from '../../training/unfinished.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoints.ts';
import { evaluateAll } from './evaluate.ts';
import { parseStored } from './examples.ts';
import { runAndModel } from './prepareRun.ts';
import type { TrainingPorts } from './trainingPorts.ts';

/** Of partial updates, which a trusted computer computes again. */
const TOLERANCE = 1e-3;

interface ClientUpdate {
  readonly update: Float32Array;
  readonly examples: number;
  readonly steps: number;
  readonly loss: number;
  /** With fewer steps than were asked for. */
  readonly isPartial: boolean;
  readonly bytes: number;
}

/**
 * Makes what a round's cars have sent the next weights: all accepted updates, and of clients whose car left or was late the
 * steps that it had kept. Evaluates them and keeps them with the strategy's state. Asked again, it says the same.
 */
export async function closeRound(ports: TrainingPorts, runId: string, number: number): Promise<RoundOutcome> {
  const { database, objects } = ports;
  const { run, model, pipeline } = await runAndModel(ports, runId);
  const { plan } = run;
  const rounds = await listTrainingRounds(database, runId);
  const round = rounds.find((each) => each.round === number);
  if (!round || round.batchId === null) throw new Error(`round ${number} of ${runId} is not open`);
  if (round.version !== null) return outcomeOf(round);
  const closed = rounds.filter(({ version }) => version !== null);
  const version = closed.length;
  const state = await readCheckpoint(objects, runId, version, plan.strategy);

  const collected = new Collected(plan, state.weights.length, version - round.baseVersion);
  for await (const update of updatesOf(ports, model, round, round.batchId)) collected.add(update);
  const counts = collected.updates >= plan.min_updates;
  const change = counts ? collected.aggregated(secretNormal) : undefined;
  const next = change ? serverStep(plan.strategy, state, change) : state;
  await writeCheckpoint(objects, runId, version + 1, next);

  const tested = parseStored((await objects.get(objectKeys.trainingData(runId, 'test'))).toString('utf8')).examples;
  const evaluation = await evaluateAll(ports.trainer, model, pipeline, next.weights, tested);
  const footprint = (await readFootprints(database, [round.batchId])).get(round.batchId);
  const noisy = closed.filter(({ epsilon }) => epsilon !== null).length + 1;
  const record = {
    runId,
    round: number,
    version: version + 1,
    updates: collected.updates,
    partial: collected.partial,
    handovers: await readHandovers(database, round.batchId),
    examples: collected.examples,
    steps: collected.steps,
    trainLoss: collected.loss,
    testLoss: finite(evaluation.loss),
    testAccuracy: evaluation.accuracy,
    epsilon: plan.privacy ? finite(epsilonOf(plan.privacy, noisy)) : null,
    weightsSha256: createHash('sha256').update(bytesFromFloats(next.weights)).digest('hex'),
    bytesDown: await bytesGiven(ports, round),
    bytesUp: collected.bytes,
    energyWh: footprint?.energyWh ?? 0,
    gCo2: footprint?.gCo2 ?? 0,
    closedAtMs: Math.round(await ports.gridNowMs(run.cellId)),
  };
  await closeTrainingRound(database, record);
  return outcomeOf({ ...round, ...record });
}

function outcomeOf({ round, updates, clients, trainLoss, testAccuracy }: TrainingRound): RoundOutcome {
  return { round, updates: updates ?? 0, clients, trainLoss, testAccuracy };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Updates as they are taken in, one after the other. */
class Collected {
  readonly #plan: TrainingPlan;
  readonly #mean: UpdateMean;
  readonly #length: number;
  readonly #kept: WeighedUpdate[] = [];
  /** Of updates whose clients began with older weights (Nguyen et al. 2022). */
  readonly #discount: number;
  updates = 0;
  partial = 0;
  examples = 0;
  steps = 0;
  bytes = 0;
  #lossSum = 0;

  constructor(plan: TrainingPlan, length: number, staleness: number) {
    this.#plan = plan;
    this.#length = length;
    this.#mean = new UpdateMean(length);
    this.#discount = 1 / Math.sqrt(1 + staleness);
  }

  get loss(): number | null {
    return this.updates === 0 ? null : this.#lossSum / this.updates;
  }

  add({ update, examples, steps, loss, isPartial, bytes }: ClientUpdate): void {
    const { aggregation, privacy, clip_norm, strategy, local_steps } = this.#plan;
    // Also of cars that did not: what one client changes is bounded whatever it says.
    const norm = privacy?.clip_norm ?? clip_norm;
    if (norm !== undefined) clip(update, norm);
    const asked = strategy.kind === 'fedsgd' ? 1 : local_steps;
    // With noise, each client counts alike: the noise is as large as one of them.
    const weight = privacy ? 1 : examples * (steps / asked);
    if (aggregation.kind === 'mean') this.#mean.add({ update, weight });
    else this.#kept.push({ update, weight });
    this.updates += 1;
    this.partial += Number(isPartial);
    this.examples += examples;
    this.steps += steps;
    this.bytes += bytes;
    this.#lossSum += loss;
  }

  aggregated(draw: () => number): Float32Array {
    const { aggregation, privacy } = this.#plan;
    const update = aggregation.kind === 'mean' ? this.#mean.mean : aggregate(aggregation, this.#kept, this.#length);
    if (privacy) addNoise(update, privacy, this.updates, draw);
    return this.#discount === 1 ? update : update.map((each) => each * this.#discount);
  }
}

/** Nobody can predict it. */
function secretNormal(): number {
  return normal(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);
}

async function* updatesOf(
  ports: TrainingPorts,
  model: ModelRef,
  { clients }: TrainingRound,
  batchId: string,
): AsyncGenerator<ClientUpdate> {
  const { database, objects } = ports;
  const weights = floatsFromBytes(await objects.get(objectKeys.jobWeights(batchId)));
  const accepted = await acceptedParts(database, batchId);
  for (let shard = 0; shard < clients; shard++) {
    const update =
      (await wholeUpdate(ports, batchId, shard, accepted.get(shard) ?? [], weights.length)) ??
      (await partialUpdate(ports, model, batchId, shard, weights));
    if (update) yield update;
  }
}

async function wholeUpdate(
  { objects }: TrainingPorts,
  batchId: string,
  shard: number,
  parts: readonly AcceptedPart[],
  length: number,
): Promise<ClientUpdate | undefined> {
  const line = (await readAnsweredLines(objects, batchId, shard, parts)).get(0);
  if (line === undefined) return undefined;
  const { response } = parseAnswerLine(line);
  const answer = trainingUpdateSchema.safeParse(response?.body).data;
  const update = answer && floatsFromBase64(answer.update);
  // A car whose numbers went astray spoils no round.
  if (!answer || update?.length !== length || !update.every(Number.isFinite)) return undefined;
  const { examples, steps, loss } = answer;
  return { update, examples, steps, loss, isPartial: false, bytes: line.length };
}

/**
 * The steps that a car kept before it left, or before time was up. Nobody has checked or paid them: a trusted computer
 * takes the same steps, and what differs counts for nothing.
 */
async function partialUpdate(
  { database, objects, trainer }: TrainingPorts,
  model: ModelRef,
  batchId: string,
  shard: number,
  weights: Float32Array,
): Promise<ClientUpdate | undefined> {
  const [newest] = (await objects.list(objectKeys.unfinishedPrefix(batchId, shard))).toSorted().toReversed();
  if (newest === undefined) return undefined;
  const text = (await objects.get(newest)).toString('utf8');
  const state = stateOf(text)?.state;
  const task = await taskOf({ database, objects }, batchId, shard);
  if (!state || !task || state.weights.length !== weights.length || state.step > task.steps) return undefined;
  const { clip_norm: _, ...unclipped } = task;
  const right = await trainer.train(model, weights, { ...unclipped, steps: state.step });
  const update = state.weights.map((weight, index) => weight - (weights[index] ?? 0));
  if (!right || updateDistance(update, right) > TOLERANCE) return undefined;
  const { step: steps, lossSum } = state;
  return { update, examples: task.data.examples, steps, loss: lossSum / steps, isPartial: true, bytes: text.length };
}

async function taskOf(
  ports: Pick<TrainingPorts, 'database' | 'objects'>,
  batchId: string,
  shard: number,
): Promise<TrainingTask | undefined> {
  const slice = await unlessNotFound(readSliceOfJob(ports, batchId, shard));
  const [line = ''] = slice ? requestLinesOf(slice) : [];
  const request = parseJson(line);
  const body = typeof request === 'object' && request !== null && 'body' in request ? request.body : undefined;
  return trainingTaskSchema.safeParse(body).data;
}

/** To each client the weights and its examples, once. */
async function bytesGiven({ database, objects }: TrainingPorts, { batchId, clients }: TrainingRound): Promise<number> {
  if (batchId === null) return 0;
  const weights = await objects.head(objectKeys.jobWeights(batchId));
  const batch = await readBatch(database, batchId);
  const input = batch && (await readFile(database, batch.inputFileId));
  return (weights?.sizeBytes ?? 0) * clients + (input?.bytes ?? 0);
}
