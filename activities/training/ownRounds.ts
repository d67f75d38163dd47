import { createHash } from 'node:crypto';

import type { NextRound } from '../../domain/activities/trainingActivities.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import {
  keysAnswerSchema,
  maskedAnswerSchema,
  revealedAnswerSchema,
  sharesAnswerSchema,
  type OwnPhase,
  type OwnPhaseKind,
} from '../../domain/ownData.ts';
import { seededRandom } from '../../domain/random.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { OwnTask, TrainingPlan } from '../../domain/training.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import {
  addOwnCars,
  listOwnBatches,
  listOwnCars,
  listOwnDataCars,
  removeOwnCars,
  type OwnBatch,
} from '../../store/ownTraining.ts';
import {
  listTrainingRounds,
  openTrainingRound,
  type TrainingRound,
  type TrainingRun,
} from '../../store/trainingRuns.ts';
import { bytesFromFloats } from '../../training/floats.ts';
import { shuffled } from '../../training/random.ts';
import { fromFixedPoint } from '../../training/secure/fixedPoint.ts';
import type { PartyKeys, Revealed } from '../../training/secure/party.ts';
import { fixedPointOfRound, noiseOfParty, thresholdOf } from '../../training/secure/round.ts';
import type { SecretShare } from '../../training/secure/shamir.ts';
import { TooFewShares, unmaskedSum } from '../../training/secure/unmask.ts';
import type { z } from 'zod';
import { readCheckpoint } from './checkpoints.ts';
import { Collected, wholeUpdate, type Gathered } from './collected.ts';
import { storeOwnBatches } from './ownBatches.ts';
import { runAndModel } from './prepareRun.ts';
import { clipNormOf, localFieldsOf } from './tasks.ts';
import type { TrainingPorts } from './trainingPorts.ts';

/** Of a round's minutes, by the end of each phase. Steps take long; the others are a few numbers, and a car's next hour. */
const PHASES: readonly { readonly kind: OwnPhaseKind; readonly until: number }[] = [
  { kind: 'keys', until: 0.6 },
  { kind: 'shares', until: 0.75 },
  { kind: 'masked', until: 0.9 },
  { kind: 'reveal', until: 1 },
];
const ONLY_UPDATE = [{ kind: 'update', until: 1 }] as const satisfies typeof PHASES;

function phasesOf({ data }: TrainingPlan): typeof PHASES {
  return data.kind === 'own' && data.secure_aggregation ? PHASES : ONLY_UPDATE;
}

/** Samples cars that have the data and whose owners agree, and asks each for its part. Asked again, it says the same. */
export async function openOwnRound(
  ports: TrainingPorts,
  { run, model }: { readonly run: TrainingRun; readonly model: ModelRef },
  round: number,
): Promise<NextRound> {
  const { database } = ports;
  const { id: runId, plan, attempt } = run;
  if (plan.data.kind !== 'own') throw new Error(`the run ${runId} has the tenant's data`);
  const { dataset } = plan.data;
  const rounds = await listTrainingRounds(database, runId);
  const before = rounds.find((each) => each.round === round);
  const cars = await listOwnCars(database, runId, round);
  if (!before) {
    const willing = await listOwnDataCars(database, { cellId: run.cellId, family: model.family, dataset });
    if (willing.length < plan.min_available_clients) {
      const why = `${willing.length} cars are at their plugs whose owners agree to runs on the data set "${dataset}"; min_available_clients is ${plan.min_available_clients}.`;
      return { kind: 'waiting', why };
    }
    const count = Math.max(plan.min_available_clients, Math.round(plan.fraction_fit * willing.length));
    const order = shuffled(willing.length, seededRandom(plan.seed + 7_919 * round));
    const sampled = [...order].map((place) => willing[place] ?? '').slice(0, Math.min(plan.clients, count));
    await addOwnCars(database, { runId, round, baseFamily: model.family }, sampled);
    cars.splice(0, cars.length, ...(await listOwnCars(database, runId, round)));
  }
  const openedAtMs = before?.openedAtMs ?? Math.round(await ports.gridNowMs(run.cellId));
  const baseVersion = before?.baseVersion ?? Math.max(0, ...rounds.map(({ version }) => version ?? 0));
  const clients = cars.length;
  const opened = await openTrainingRound(database, {
    runId,
    round,
    attempt,
    baseVersion,
    batchId: null,
    clients,
    openedAtMs,
  });
  const batchIds = await advanceOwnRound(ports, runId, round, 0);
  const deadlineMs = openedAtMs + plan.round_minutes * MINUTE_MS;
  return { kind: 'opened', opened: { round, batchId: '', batchIds, deadlineMs, clients: opened.clients } };
}

/** The batches of a phase; none when the round has all that it can have. Asked again, it says the same. */
export async function advanceOwnRound(
  ports: TrainingPorts,
  runId: string,
  number: number,
  place: number,
): Promise<readonly string[]> {
  const { database, objects } = ports;
  const { run, model } = await runAndModel(ports, runId);
  const { plan } = run;
  const round = (await listTrainingRounds(database, runId)).find((each) => each.round === number);
  if (!round || round.version !== null) return [];
  const done = await listOwnBatches(database, round);
  const there = done.filter((batch) => batch.place === place);
  if (there.length > 0) return there.map(({ batchId }) => batchId);
  const phase = phasesOf(plan)[place];
  if (!phase) return [];
  const asked = await requestsOf(ports, plan, round, done, phase.kind);
  const cars = (await listOwnCars(database, runId, number)).filter(({ vehicleId }) => asked.has(vehicleId));
  const { weights } = await readCheckpoint(objects, runId, round.baseVersion, plan.strategy);
  const weightBytes = bytesFromFloats(weights);
  const name = nameOf(round);
  const fields = {
    ...localFieldsOf(plan, model),
    weights_sha256: createHash('sha256').update(weightBytes).digest('hex'),
    round: name,
    own_data: plan.data.kind === 'own' ? plan.data.dataset : '',
  };
  const requests = cars.flatMap((car, index) => {
    const request = asked.get(car.vehicleId);
    const seed = plan.seed + 1_000_003 * number + index;
    const body: OwnTask | undefined = request && { ...fields, client: car.vehicleId, seed, phase: request };
    return body ? [{ car, body }] : [];
  });
  return storeOwnBatches(ports, {
    run,
    model,
    round,
    place,
    kind: phase.kind,
    requests,
    weightBytes,
    untilMs: round.openedAtMs + phase.until * plan.round_minutes * MINUTE_MS,
  });
}

/** Names a round and nothing else: rounds that are taken again have another attempt. */
function nameOf({ runId, attempt, round }: Pick<TrainingRound, 'runId' | 'attempt' | 'round'>): string {
  return `${runId}/${attempt}/${round}`;
}

/** What each car is asked for; nobody when too few have answered for a sum. */
async function requestsOf(
  ports: TrainingPorts,
  plan: TrainingPlan,
  round: TrainingRound,
  done: readonly OwnBatch[],
  kind: OwnPhaseKind,
): Promise<ReadonlyMap<string, OwnPhase>> {
  if (kind === 'update' || kind === 'keys') {
    const cars = await listOwnCars(ports.database, round.runId, round.round);
    return new Map(cars.map(({ vehicleId }) => [vehicleId, { kind }]));
  }
  const so = await securely(ports, plan, done);
  const all = (parties: readonly string[], phaseOf: (party: string) => OwnPhase): ReadonlyMap<string, OwnPhase> =>
    new Map(parties.length < so.threshold ? [] : parties.map((party) => [party, phaseOf(party)]));
  const { threshold } = so;
  switch (kind) {
    case 'shares':
      return all(
        so.keyed.map(({ client }) => client),
        () => ({ kind, roster: so.keyed, threshold }),
      );
    case 'masked':
      return all([...so.shared.keys()], () => ({ kind, roster: so.roster, threshold, noise: so.noise }));
    case 'reveal':
      return all(so.survivors, (party) => ({
        kind,
        roster: so.roster,
        threshold,
        survivors: so.survivors,
        sealed: Object.fromEntries(
          [...so.shared].flatMap(([from, sealed]) => {
            const text = sealed[party];
            return text === undefined ? [] : [[from, text]];
          }),
        ),
      }));
    default:
      return kind satisfies never;
  }
}

/** What the cars of a round with secure aggregation have said so far. */
async function securely(ports: TrainingPorts, plan: TrainingPlan, done: readonly OwnBatch[]) {
  const keyed = await answersOf(ports, done, 'keys', keysAnswerSchema);
  const threshold = thresholdOf(keyed.length, plan.min_updates);
  const shared = new Map(
    (await answersOf(ports, done, 'shares', sharesAnswerSchema)).map(({ client, sealed }) => [client, sealed]),
  );
  const masked = await answersOf(ports, done, 'masked', maskedAnswerSchema);
  const noise = noiseOfParty(clipNormOf(plan) ?? 0, plan.privacy?.noise_multiplier ?? 0, threshold);
  const roster = keyed.filter(({ client }) => shared.has(client));
  return { keyed, threshold, shared, roster, masked, noise, survivors: masked.map(({ client }) => client) };
}

/** In the order of the cars. An answer in another car's name counts as none. */
async function answersOf<Schema extends z.ZodType<{ readonly client: string }>>(
  ports: TrainingPorts,
  done: readonly OwnBatch[],
  kind: OwnPhaseKind,
  schema: Schema,
): Promise<z.output<Schema>[]> {
  const found: z.output<Schema>[] = [];
  for (const { vehicleId, batchId } of done.filter((batch) => batch.kind === kind)) {
    const parts = (await acceptedParts(ports.database, batchId)).get(0) ?? [];
    const line = (await readAnsweredLines(ports.objects, batchId, 0, parts)).get(0);
    const answer = line === undefined ? undefined : schema.safeParse(parseAnswerLine(line).response?.body).data;
    if (answer?.client === vehicleId) found.push(answer);
  }
  return found;
}

/** What the cars of a round have changed together. Their queues end with it. */
export async function gatherOwnRound(
  ports: TrainingPorts,
  plan: TrainingPlan,
  round: TrainingRound,
  length: number,
): Promise<Gathered & { readonly batchIds: readonly string[] }> {
  const { database } = ports;
  const done = await listOwnBatches(database, round);
  await removeOwnCars(database, round.runId, round.round);
  const batchIds = done.map(({ batchId }) => batchId);
  if (plan.data.kind === 'own' && plan.data.secure_aggregation) {
    return { ...(await secureSum(ports, plan, round, { done, length })), batchIds };
  }
  const collected = new Collected(plan, length, 0);
  for (const { batchId } of done) {
    const update = await wholeUpdate(ports, batchId, 0, (await acceptedParts(database, batchId)).get(0) ?? [], length);
    if (update) collected.add(update);
  }
  return { ...collected.gathered(), batchIds };
}

async function secureSum(
  ports: TrainingPorts,
  plan: TrainingPlan,
  round: TrainingRound,
  { done, length }: { readonly done: readonly OwnBatch[]; readonly length: number },
): Promise<Gathered> {
  const so = await securely(ports, plan, done);
  const revealed = (await answersOf(ports, done, 'reveal', revealedAnswerSchema)).map(
    ({ seeds, mask_keys: maskKeys }): Revealed => ({ seeds: sharesOf(seeds), maskKeys: sharesOf(maskKeys) }),
  );
  const masked = new Map(so.masked.map(({ client, numbers }) => [client, wholeNumbersOf(numbers)]));
  const bytes = so.masked.reduce((sum, { numbers }) => sum + numbers.length, 0);
  const none = { updates: 0, partial: 0, examples: 0, steps: 0, bytes, loss: null, change: undefined };
  if (masked.size < plan.min_updates || ![...masked.values()].every((numbers) => numbers.length === length))
    return none;
  try {
    const name = { threshold: so.threshold, round: nameOf(round) };
    const sum = unmaskedSum(so.roster.map(partyOf), masked, revealed, name);
    const point = fixedPointOfRound(clipNormOf(plan) ?? 0, so.noise, so.roster.length);
    // Each car counts alike: how many examples it has is its own.
    const change = fromFixedPoint(sum, point).map((each) => each / masked.size);
    return { ...none, updates: masked.size, steps: masked.size * plan.local_steps, change };
  } catch (error) {
    if (error instanceof TooFewShares) return none;
    throw error;
  }
}

function partyOf(keys: z.output<typeof keysAnswerSchema>): PartyKeys {
  return { client: keys.client, maskKey: bytesOf(keys.mask_key), shareKey: bytesOf(keys.share_key) };
}

function sharesOf(shares: Readonly<Record<string, { x: number; bytes: string }>>): Record<string, SecretShare> {
  return Object.fromEntries(Object.entries(shares).map(([peer, { x, bytes }]) => [peer, { x, bytes: bytesOf(bytes) }]));
}

function wholeNumbersOf(text: string): Uint32Array {
  const bytes = bytesOf(text);
  return new Uint32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / Uint32Array.BYTES_PER_ELEMENT));
}

/** In memory of its own, so that whole numbers may begin at its start. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
