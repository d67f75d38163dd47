import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { CaughtCar, TrustActivities } from '../../domain/activities/trustActivities.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { customIdOf, requestLinesOf } from '../../domain/batchLines.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys, unfinishedOfKey } from '../../domain/names.ts';
import type { PartReceipt } from '../../domain/shards.ts';
import { TRAINING_ENDPOINT } from '../../domain/training.ts';
import { storableText } from '../../domain/storableText.ts';
import { messageOf } from '../../domain/thrown.ts';
import { CANARY_POLICY, isCanary } from '../../domain/trust/canaries.ts';
import { policyFor, toleranceUnder, type CheckPolicy } from '../../domain/trust/checkPolicy.ts';
import { checkShare, type CheckedShare } from '../../domain/trust/checkShare.ts';
import { judged, type Compared } from '../../domain/trust/reputation.ts';
import { WIDEST } from '../../domain/trust/tolerance.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { listCheckPolicies } from '../../store/checkPolicies.ts';
import { appendJournal } from '../../store/journal.ts';
import { addMeasuredNoise, listMeasuredNoise } from '../../store/measuredNoise.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { isQuarantined, listQuarantines } from '../../store/quarantines.ts';
import { readReputation, updateReputation } from '../../store/reputations.ts';
import { recordLineCorrections, recordShareCheck, wasShareChecked } from '../../store/shareChecks.ts';
import { isTrustedCar } from '../../store/trustedCars.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import { inOrder } from '../jobs/shardParts.ts';
import { judgeShard } from '../jobs/verifyShard.ts';
import { quarantine } from './quarantine.ts';
import { bookCheck } from '../settlement/checkBooking.ts';
import { LineComparison } from './compareLines.ts';
import { rememberingRunner } from './knownAnswers.ts';
import { storeCorrections, type ShardRequests } from './trustedAnswers.ts';
import type { TrustPorts } from './trustPorts.ts';

type CheckRequest = Parameters<TrustActivities['checkShards']>[0];

/** What one car has answered of a shard, as its parts say it. */
interface AnsweredShare {
  readonly vehicle: Vehicle;
  readonly receipts: readonly PartReceipt[];
  /** By line number. */
  readonly answers: ReadonlyMap<number, string>;
}

export async function checkShards(ports: TrustPorts, request: CheckRequest): Promise<CaughtCar[]> {
  const { database, objects } = ports;
  const { jobId, split } = request;
  const tenantId = split.tenant?.id ?? DEFAULT_TENANT;
  const scope = { tenantId, modelName: split.model.name };
  const policy = isCanary(tenantId) ? CANARY_POLICY : policyFor(await listCheckPolicies(database), scope);
  if (!policy.enabled) return [];
  const accepted = await acceptedParts(database, jobId);
  const wanted = request.shards ?? Array.from({ length: split.shards }, (_, shard) => shard);
  const caught: CaughtCar[] = [];
  for (const shard of wanted.filter((each) => !accepted.has(each))) {
    const slice = await unlessNotFound(objects.get(objectKeys.shardInput(jobId, shard)));
    if (!slice) continue;
    const requests = { jobId, shard, split, requests: requestLinesOf(slice) };
    for (const share of await sharesOf(ports, requests)) {
      const quarantineId = await checkOne(ports, request, requests, share, policy);
      if (quarantineId !== undefined) caught.push({ vehicleId: share.vehicle.id, quarantineId });
    }
  }
  return caught;
}

/** What each car has answered, each line by the one to whom it counts. */
async function sharesOf(
  { database, objects }: TrustPorts,
  { jobId, shard, requests, split }: ShardRequests,
): Promise<AnsweredShare[]> {
  const vehicles = new Map<string, Vehicle | undefined>();
  const readOnce = async (vehicleId: string): Promise<Vehicle | undefined> => {
    if (!vehicles.has(vehicleId)) vehicles.set(vehicleId, await readVehicle(database, vehicleId));
    return vehicles.get(vehicleId);
  };
  const refusalOf = async (vehicleId: string): Promise<string | undefined> =>
    (await readOnce(vehicleId)) ? undefined : 'not enrolled';
  const customIds = requests.map(customIdOf);
  const { good, lines } = await judgeShard(objects, jobId, shard, customIds, refusalOf, split.generates);
  const linesOf = new Map(good.map((receipt, index) => [receipt, lines[index] ?? []]));
  const taken = new Set<number>();
  const shares = new Map<string, { receipts: PartReceipt[]; answers: Map<number, string> }>();
  for (const receipt of inOrder(good)) {
    const share = shares.get(receipt.vehicleId) ?? { receipts: [], answers: new Map<number, string>() };
    shares.set(receipt.vehicleId, share);
    share.receipts.push(receipt);
    for (const [offset, text] of linesOf.get(receipt)?.entries() ?? []) {
      const line = receipt.range.start + offset;
      if (!taken.has(line)) share.answers.set(line, text);
      taken.add(line);
    }
  }
  return [...shares].flatMap(([vehicleId, share]) => {
    const vehicle = vehicles.get(vehicleId);
    return vehicle && share.answers.size > 0 ? [{ vehicle, ...share }] : [];
  });
}

/** @returns the car's quarantine when it was caught, now or in an attempt at this check before */
async function checkOne(
  ports: TrustPorts,
  { cellId }: Pick<CheckRequest, 'cellId'>,
  shardRequests: ShardRequests,
  share: AnsweredShare,
  policy: CheckPolicy,
): Promise<number | undefined> {
  const { database, objects, trusted, checkKey } = ports;
  const { jobId, shard, split } = shardRequests;
  const { vehicle, receipts, answers } = share;
  const vehicleId = vehicle.id;
  if (await isQuarantined(database, vehicleId)) {
    const [open] = await listQuarantines(database, vehicleId);
    // Of this very check: the attempt before this one may not have been heard.
    return open?.evidence.jobId === jobId && open.evidence.shard === shard ? open.quarantineId : undefined;
  }
  const shareSha256 = sha256OfShare(receipts);
  if (await wasShareChecked(database, { jobId, shard, vehicleId, shareSha256 })) return undefined;

  const key = { vehicleId, modelFamily: split.model.family, hardwareClass: vehicle.hardwareClass };
  const isTrusted = await isTrustedCar(database, vehicleId);
  const measured = (await listMeasuredNoise(database, split.model.sha256)).map(({ noise }) => noise);
  const tolerance = isTrusted ? WIDEST : toleranceUnder(policy, measured);
  const runner = isCanary(split.tenant?.id) ? rememberingRunner(trusted, database) : trusted;
  const comparison = new LineComparison(runner, shardRequests, answers, tolerance);
  const before = await readReputation(database, key);
  let found: CheckedShare | undefined;
  let corrected: ReadonlyMap<number, string> = new Map();
  try {
    const carsShare = { jobId, shard, vehicleId, lines: [...answers.keys()] };
    if (await wasTrainedElsewhere(objects, shardRequests, vehicleId)) {
      await correctAll(ports, shardRequests, carsShare.lines, comparison);
      return undefined;
    }
    found = await checkShare(checkKey, carsShare, before, policy, (lines) => comparison.compare(lines));
    // What a guilty car has answered counts for nothing: others compute it.
    const isTaken = found !== undefined && judged(before, countsOf(found), policy).verdict !== 'guilty';
    if (found && isTaken && !isTrusted) corrected = await comparison.right(found.differing);
  } catch (error) {
    if (error instanceof NightshiftError && error.retryable) throw error;
    await tellUnchecked(ports, cellId, shardRequests, error);
    return undefined;
  }
  if (!found) return undefined;

  const { checked, differing } = found;
  const nowMs = Math.round(await ports.gridNowMs(cellId));
  const counts = countsOf(found);
  const corrections = await storeCorrections(objects, jobId, shard, corrected);
  return database.transaction(async (tx) => {
    const made = { jobId, shard, vehicleId, shareSha256, lines: answers.size, ...counts, atMs: nowMs };
    await bookCheck(tx, { ...made, vehicle, model: split.model.name, deviceMs: comparison.deviceMs });
    if (isTrusted) {
      const { noise } = comparison;
      const seen = { hardwareClass: vehicle.hardwareClass, noise, samples: checked.length };
      await addMeasuredNoise(tx, split.model.sha256, seen);
      await recordShareCheck(tx, { ...made, verdict: 'valid' });
      return undefined;
    }
    const { verdict } = await updateReputation(tx, key, (stored) => judged(stored, counts, policy));
    await recordShareCheck(tx, { ...made, verdict });
    await recordLineCorrections(tx, jobId, shard, corrections);
    if (verdict !== 'guilty') return undefined;
    const { quarantineId, journal } = await quarantine(tx, vehicle, { jobId, shard, ...counts, differing }, nowMs);
    await appendJournal(tx, cellId, journal);
    return quarantineId;
  });
}

/** Whether another car left steps of a client's training, from which this one may have gone on. */
async function wasTrainedElsewhere(
  objects: TrustPorts['objects'],
  { jobId, shard, requests }: ShardRequests,
  vehicleId: string,
): Promise<boolean> {
  const url = z.object({ url: z.string() }).safeParse(parseJson(requests[0] ?? '')).data?.url;
  if (url !== TRAINING_ENDPOINT) return false;
  const keys = await objects.list(objectKeys.unfinishedPrefix(jobId, shard));
  return keys.some((key) => unfinishedOfKey(key)?.vehicleId !== vehicleId);
}

/**
 * Of answers that two cars had part in, nobody can say whose fault a difference is: all of them are computed again, what
 * differs is corrected, and neither car is blamed.
 */
async function correctAll(
  { database, objects }: TrustPorts,
  { jobId, shard }: ShardRequests,
  lines: readonly number[],
  comparison: LineComparison,
): Promise<void> {
  const { differing } = await comparison.compare(lines);
  const corrections = await storeCorrections(objects, jobId, shard, await comparison.right(differing));
  await database.transaction((tx) => recordLineCorrections(tx, jobId, shard, corrections));
}

function countsOf({ checked, differing, tokens, divergent }: CheckedShare): Required<Compared> {
  return { checked: checked.length, differing: differing.length, tokens, divergent };
}

/** A trusted computer that cannot run the model is nothing that a car is to blame for. */
async function tellUnchecked(
  { database, log, gridNowMs }: TrustPorts,
  cellId: string,
  { jobId, shard, split }: ShardRequests,
  error: unknown,
): Promise<void> {
  log.warn({ err: error, jobId, shard }, 'a shard could not be checked');
  const message = `Answers of ${jobId} could not be checked, since ${split.model.name} does not run here: ${messageOf(error)}`;
  await appendJournal(database, cellId, [
    {
      atMs: Math.round(await gridNowMs(cellId)),
      kind: 'fallback',
      subject: jobId,
      message: storableText(message),
      dedupeKey: `unchecked/${jobId}`,
    },
  ]);
}

function sha256OfShare(receipts: readonly PartReceipt[]): string {
  const stored = receipts.map(({ range, partSha256 }) => `${range.start}-${range.end} ${partSha256}\n`).sort();
  return createHash('sha256').update(stored.join('')).digest('hex');
}
