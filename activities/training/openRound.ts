import { createHash } from 'node:crypto';

import type { NextRound } from '../../domain/activities/trainingActivities.ts';
import { BATCH_LIMITS } from '../../domain/batchInput.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import { newId } from '../../domain/ids.ts';
import { accounts } from '../../domain/ledger.ts';
import { objectKeys } from '../../domain/names.ts';
import { decimalOf } from '../../domain/money.ts';
import { TRAINING_ENDPOINT, type TrainingPlan, type TrainingTask } from '../../domain/training.ts';
import { insertBatch, markJobStarted, readBatch } from '../../store/batches.ts';
import { insertBatchTerms } from '../../store/batchTerms.ts';
import { insertFile } from '../../store/files.ts';
import { readBalance } from '../../store/ledger.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { readTenant } from '../../store/tenants.ts';
import {
  countPluggedCars,
  listTrainingRounds,
  openTrainingRound,
  type TrainingRound,
  type TrainingRun,
} from '../../store/trainingRuns.ts';
import { bytesFromFloats } from '../../training/floats.ts';
import { seededRandom } from '../../domain/random.ts';
import { epsilonOf } from '../../training/privacy.ts';
import { shuffled } from '../../training/random.ts';
import { readCheckpoint } from './checkpoints.ts';
import { dataOf, parseStored } from '../../training/examples.ts';
import { openOwnRound } from './ownRounds.ts';
import { runAndModel } from './prepareRun.ts';
import { INPUT_LIFE_SECONDS, localFieldsOf } from './tasks.ts';
import type { TrainingPorts } from './trainingPorts.ts';

/**
 * Samples the clients of a round and makes their work a batch, with the weights beside it. Asked again, it says the same.
 */
export async function openRound(ports: TrainingPorts, runId: string, round: number): Promise<NextRound> {
  const { database, objects } = ports;
  const { run, model, pipeline } = await runAndModel(ports, runId);
  const { plan } = run;
  if (round > plan.rounds) return { kind: 'none' };
  const rounds = await listTrainingRounds(database, runId);
  const before = rounds.find((each) => each.round === round);
  if (before && plan.data.kind === 'tenant') return opened(ports, before);
  const spent = before ? undefined : budgetSpent(run);
  if (spent !== undefined) return { kind: 'failed', why: spent };
  if (plan.data.kind === 'own') {
    const lacksMoney = before ? undefined : await lackingMoney(ports, run);
    return lacksMoney === undefined ? openOwnRound(ports, { run, model }, round) : { kind: 'waiting', why: lacksMoney };
  }
  const lacking = (await lackingCars(ports, run, model.family)) ?? (await lackingMoney(ports, run));
  if (lacking !== undefined) return { kind: 'waiting', why: lacking };

  const { examples, clients } = parseStored(
    (await objects.get(objectKeys.trainingData(runId, 'train'))).toString('utf8'),
  );
  const baseVersion = Math.max(0, ...rounds.map(({ version }) => version ?? 0));
  const { weights } = await readCheckpoint(objects, runId, baseVersion, plan.strategy);
  const bytes = bytesFromFloats(weights);
  const weightsSha256 = createHash('sha256').update(bytes).digest('hex');
  const perRound = plan.local_steps * (pipeline.inputs[0]?.shape[0] ?? 1);
  const sampled = sampleClients(plan, clients, round);
  const lines = sampled.map((client) => {
    const own = clients[client] ?? [];
    const seed = plan.seed + 1_000_003 * round + client;
    const order = shuffled(own.length, seededRandom(seed));
    const shown = Array.from(order.subarray(0, perRound)).map((place) => own[place] ?? 0);
    const task: TrainingTask = {
      ...localFieldsOf(plan, model),
      client: `${client}`,
      weights_sha256: weightsSha256,
      seed,
      data: dataOf(examples, shown),
    };
    return JSON.stringify({ custom_id: `client-${client}`, method: 'POST', url: TRAINING_ENDPOINT, body: task });
  });
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
  if (longest > BATCH_LIMITS.lineBytes) {
    const why = `The examples of a client's ${plan.local_steps} steps have ${longest} bytes, more than ${BATCH_LIMITS.lineBytes}: take fewer local_steps, or more clients.`;
    return { kind: 'failed', why };
  }
  const openedAtMs = Math.round(await ports.gridNowMs(run.cellId));
  const batchId = newId('batch_', ports.now());
  await objects.put(objectKeys.jobWeights(batchId), bytes);
  await storeBatch(ports, run, { round, batchId, openedAtMs, lines });
  const { attempt } = run;
  const clientsSampled = sampled.length;
  return opened(
    ports,
    await openTrainingRound(database, {
      runId,
      round,
      attempt,
      baseVersion,
      batchId,
      clients: clientsSampled,
      openedAtMs,
    }),
  );
}

/** Noise of one more round would tell more than the plan allows. */
function budgetSpent({ plan: { privacy }, privateRounds }: TrainingRun): string | undefined {
  if (privacy?.max_epsilon === undefined) return undefined;
  const epsilon = epsilonOf(privacy, privateRounds + 1);
  if (epsilon <= privacy.max_epsilon) return undefined;
  return `One more round would come to an epsilon of ${epsilon.toFixed(2)}; privacy.max_epsilon is ${privacy.max_epsilon}.`;
}

/** Of the clients that have examples, `fraction_fit` of all, by chance. */
function sampleClients(
  { seed, fraction_fit, clients: all }: TrainingPlan,
  clients: readonly (readonly number[])[],
  round: number,
): number[] {
  const count = Math.max(1, Math.round(fraction_fit * all));
  const order = [...shuffled(clients.length, seededRandom(seed + 7_919 * round))];
  return order.filter((client) => (clients[client]?.length ?? 0) > 0).slice(0, count);
}

async function opened({ database }: TrainingPorts, round: TrainingRound): Promise<NextRound> {
  const batch = round.batchId === null ? undefined : await readBatch(database, round.batchId);
  if (!batch) return { kind: 'failed', why: `The batch of round ${round.round} is gone.` };
  const { round: number, clients } = round;
  return { kind: 'opened', opened: { round: number, batchId: batch.id, deadlineMs: batch.deadlineMs, clients } };
}

async function lackingCars(
  { database }: TrainingPorts,
  { cellId, plan }: TrainingRun,
  family: string,
): Promise<string | undefined> {
  const cars = await countPluggedCars(database, cellId, family);
  if (cars >= plan.min_available_clients) return undefined;
  return `${cars} cars that take models of the family "${family}" are at their plugs; min_available_clients is ${plan.min_available_clients}.`;
}

async function lackingMoney({ database }: TrainingPorts, { tenantId }: TrainingRun): Promise<string | undefined> {
  const { creditLimitMicros, currency } = await readTenant(database, tenantId);
  if (creditLimitMicros === null) return undefined;
  const balances = await readBalance(database, accounts.tenant(tenantId));
  const balance = (currency === null ? undefined : balances.get(currency)) ?? [...balances.values()][0] ?? 0;
  if (balance + creditLimitMicros > 0) return undefined;
  return `The balance is ${decimalOf(balance)} with a credit of ${decimalOf(creditLimitMicros)}: no round is begun.`;
}

async function storeBatch(
  { database, objects }: TrainingPorts,
  run: TrainingRun,
  {
    round,
    batchId,
    openedAtMs,
    lines,
  }: {
    readonly round: number;
    readonly batchId: string;
    readonly openedAtMs: number;
    readonly lines: readonly string[];
  },
): Promise<void> {
  const { tenantId, plan, cellId } = run;
  const fileId = batchId.replace(/^batch_/, 'file-');
  const objectKey = objectKeys.file(fileId);
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  await objects.put(objectKey, body);
  const prices = await readPriceBookAt(database, openedAtMs);
  const currency = (await readTenant(database, tenantId)).currency ?? prices.book.currency;
  await database.transaction(async (tx) => {
    await insertFile(tx, {
      id: fileId,
      tenantId,
      filename: `${run.name}-round-${round}.jsonl`,
      purpose: 'batch',
      bytes: body.byteLength,
      objectKey,
      lifeSeconds: INPUT_LIFE_SECONDS,
    });
    await insertBatch(tx, {
      id: batchId,
      tenantId,
      cellId,
      endpoint: TRAINING_ENDPOINT,
      inputFileId: fileId,
      completionWindow: '24h',
      metadata: { ...plan.hints, 'training.run': run.id, 'training.round': String(round) },
      outputExpiresAfterSeconds: INPUT_LIFE_SECONDS,
      deadlineMs: openedAtMs + plan.round_minutes * MINUTE_MS,
      submittedAtMs: openedAtMs,
      idempotencyKey: null,
      requestHash: batchId,
    });
    await insertBatchTerms(tx, {
      batchId,
      priceBook: prices.version,
      currency,
      estimateMicros: null,
      capMicros: null,
      quoteId: null,
    });
    // Its run starts the job, and nobody else.
    await markJobStarted(tx, batchId);
  });
}
