import { createHash } from 'node:crypto';

import type { RoundOutcome } from '../../domain/activities/trainingActivities.ts';
import { requestLinesOf } from '../../domain/batchLines.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { trainingTaskSchema, type TrainingPlan, type TrainingTask } from '../../domain/training.ts';
import { updateDistance } from '../../domain/trust/sameAnswer.ts';
import { acceptedParts, readHandovers } from '../../store/acceptedShards.ts';
import { readBatch } from '../../store/batches.ts';
import { readFile } from '../../store/files.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceOfJob } from '../../store/slices.ts';
import { readFootprints } from '../../store/shardFootprints.ts';
import { closeTrainingRound, listTrainingRounds, type TrainingRound } from '../../store/trainingRuns.ts';
import { bytesFromFloats, floatsFromBytes } from '../../training/floats.ts';
import { epsilonOf } from '../../training/privacy.ts';
import { serverStep } from '../../training/strategies/serverStep.ts';
import { stateOf } from '../../training/unfinished.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoints.ts';
import { Collected, wholeUpdate, type ClientUpdate, type Gathered } from './collected.ts';
import { evaluateAll } from './evaluate.ts';
import { gatherOwnRound } from './ownRounds.ts';
import { parseStored } from '../../training/examples.ts';
import { runAndModel } from './prepareRun.ts';
import type { TrainingPorts } from './trainingPorts.ts';

/** Of partial updates, which a trusted computer computes again. */
const TOLERANCE = 1e-3;

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
  if (!round) throw new Error(`round ${number} of ${runId} is not open`);
  if (round.version !== null) return outcomeOf(round);
  const closed = rounds.filter(({ version }) => version !== null);
  const version = closed.length;
  const state = await readCheckpoint(objects, runId, version, plan.strategy);

  const gathered =
    plan.data.kind === 'own'
      ? await gatherOwnRound(ports, plan, round, state.weights.length)
      : await gatherRound(ports, { plan, model, round, staleness: version - round.baseVersion }, state.weights.length);
  const { change, batchIds } = gathered;
  const next = change ? serverStep(plan.strategy, state, change) : state;
  await writeCheckpoint(objects, runId, version + 1, next);

  const tested = parseStored((await objects.get(objectKeys.trainingData(runId, 'test'))).toString('utf8')).examples;
  const evaluation = await evaluateAll(ports.trainer, model, pipeline, next.weights, tested);
  const footprints = [...(await readFootprints(database, batchIds)).values()];
  const record = {
    runId,
    round: number,
    version: version + 1,
    updates: gathered.updates,
    partial: gathered.partial,
    handovers: await sumOf(batchIds, (batchId) => readHandovers(database, batchId)),
    examples: gathered.examples,
    steps: gathered.steps,
    trainLoss: gathered.loss,
    testLoss: finite(evaluation.loss),
    testAccuracy: evaluation.accuracy,
    epsilon: plan.privacy ? finite(epsilonOf(plan.privacy, run.privateRounds + 1)) : null,
    weightsSha256: createHash('sha256').update(bytesFromFloats(next.weights)).digest('hex'),
    bytesDown: await sumOf(batchIds, (batchId) => bytesGiven(ports, batchId, batchIds.length > 1 ? 1 : round.clients)),
    bytesUp: gathered.bytes,
    energyWh: footprints.reduce((sum, { energyWh }) => sum + energyWh, 0),
    gCo2: footprints.reduce((sum, { gCo2 }) => sum + gCo2, 0),
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

async function sumOf(batchIds: readonly string[], of: (batchId: string) => Promise<number>): Promise<number> {
  let sum = 0;
  for (const batchId of batchIds) sum += await of(batchId);
  return sum;
}

async function gatherRound(
  ports: TrainingPorts,
  {
    plan,
    model,
    round,
    staleness,
  }: {
    readonly plan: TrainingPlan;
    readonly model: ModelRef;
    readonly round: TrainingRound;
    readonly staleness: number;
  },
  length: number,
): Promise<Gathered & { readonly batchIds: readonly string[] }> {
  if (round.batchId === null) throw new Error(`round ${round.round} of ${round.runId} is not open`);
  const collected = new Collected(plan, length, staleness);
  for await (const update of updatesOf(ports, model, round, round.batchId)) collected.add(update);
  return { ...collected.gathered(), batchIds: [round.batchId] };
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
async function bytesGiven({ database, objects }: TrainingPorts, batchId: string, clients: number): Promise<number> {
  const weights = await objects.head(objectKeys.jobWeights(batchId));
  const batch = await readBatch(database, batchId);
  const input = batch && (await readFile(database, batch.inputFileId));
  return (weights?.sizeBytes ?? 0) * clients + (input?.bytes ?? 0);
}
