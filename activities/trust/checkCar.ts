import { createHash } from 'node:crypto';

import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { parted } from '../../domain/grouped.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys, unfinishedOfKey } from '../../domain/names.ts';
import type { PartReceipt } from '../../domain/shards.ts';
import { TRAINING_ENDPOINT } from '../../domain/training.ts';
import { storableText } from '../../domain/storableText.ts';
import { messageOf } from '../../domain/thrown.ts';
import { isCanary } from '../../domain/trust/canaries.ts';
import { toleranceUnder, type CheckPolicy } from '../../domain/trust/checkPolicy.ts';
import { checkShare, type CheckedShare } from '../../domain/trust/checkShare.ts';
import { judged, type Compared } from '../../domain/trust/reputation.ts';
import { WIDEST } from '../../domain/trust/tolerance.ts';
import { lockShardAnswers, prependAcceptedParts } from '../../store/acceptedShards.ts';
import { readCell } from '../../store/cells.ts';
import { appendJournal } from '../../store/journal.ts';
import { addMeasuredNoise, listMeasuredNoise } from '../../store/measuredNoise.ts';
import { isQuarantined, listQuarantines } from '../../store/quarantines.ts';
import { readReputation, updateReputation } from '../../store/reputations.ts';
import { recordLineCorrections, recordShareCheck, wasShareChecked } from '../../store/shareChecks.ts';
import { isTrustedCar } from '../../store/trustedCars.ts';
import { bookCheck } from '../settlement/checkBooking.ts';
import type { AnsweredShare } from './answeredShares.ts';
import { LineComparison } from './compareLines.ts';
import { answersInDatabase, answersOfJob, rememberingRunner } from './knownAnswers.ts';
import { quarantine } from './quarantine.ts';
import { correctedPart, storeCorrections, taskOf, type ShardRequests } from './trustedAnswers.ts';
import type { TrustedRunner, TrustPorts } from './trustPorts.ts';

/**
 * Holds some of what a car has answered of a shard against a trusted computer's answers, and judges the car by it.
 * @param disputed lines on which a quorum does not agree; else lines are drawn, if it is the car's turn
 * @returns the car's quarantine when it was caught, now or in an attempt at this check before
 */
export async function checkCar(
  ports: TrustPorts,
  cellId: string,
  shardRequests: ShardRequests,
  share: AnsweredShare,
  policy: CheckPolicy,
  disputed?: readonly number[],
): Promise<number | undefined> {
  const { database, objects, checkKey } = ports;
  const { jobId, shard, split } = shardRequests;
  const { vehicle, receipts, answers } = share;
  const vehicleId = vehicle.id;
  if (await isQuarantined(database, vehicleId)) {
    const [open] = await listQuarantines(database, vehicleId);
    // Of this very check: the attempt before this one may not have been heard.
    return open?.evidence.jobId === jobId && open.evidence.shard === shard ? open.quarantineId : undefined;
  }
  const shareSha256 = sha256OfShare(receipts, disputed);
  if (await wasShareChecked(database, { jobId, shard, vehicleId, shareSha256 })) return undefined;

  const key = { vehicleId, modelFamily: split.model.family, hardwareClass: vehicle.hardwareClass };
  const isTrusted = await isTrustedCar(database, vehicleId);
  const measured = (await listMeasuredNoise(database, split.model.sha256)).map(({ noise }) => noise);
  const tolerance = isTrusted ? WIDEST : toleranceUnder(policy, measured);
  const runner = runnerFor(ports, shardRequests);
  const comparison = new LineComparison(runner, shardRequests, answers, tolerance);
  const before = await readReputation(database, key);
  let found: CheckedShare | undefined;
  let corrected: ReadonlyMap<number, string> = new Map();
  try {
    const [known, lines] = parted([...answers.keys()], (line) => shardRequests.canaries.has(line));
    const carsShare = { jobId, shard, vehicleId, lines, known };
    if (await wasTrainedElsewhere(objects, shardRequests, vehicleId)) {
      await correctAll(ports, shardRequests, lines, comparison);
      return undefined;
    }
    found = disputed
      ? { ...(await comparison.compare(disputed)), checked: disputed }
      : await checkShare(checkKey, carsShare, before, policy, (lines) => comparison.compare(lines));
    // What a guilty car has answered counts for nothing: others compute it.
    const isTaken = found !== undefined && judged(before, countsOf(found), policy).verdict !== 'guilty';
    // Nobody gets the answers to canaries.
    const wrong = found?.differing.filter((line) => !shardRequests.canaries.has(line)) ?? [];
    if (isTaken && !isTrusted) corrected = await comparison.right(wrong);
  } catch (error) {
    if (error instanceof NightshiftError && error.retryable) throw error;
    await tellUnchecked(ports, cellId, shardRequests, error);
    return undefined;
  }
  if (!found) return undefined;

  const { checked, differing } = found;
  const nowMs = Math.round(await ports.gridNowMs(cellId));
  // As all that is paid for: a car's hour and a trusted computer's are of one clock.
  const scale = (await readCell(database, cellId))?.clock.scale ?? 1;
  const counts = countsOf(found);
  const corrections = await storeCorrections(objects, jobId, shard, corrected);
  return database.transaction(async (tx) => {
    // Others may settle the same quorum at this moment.
    if (disputed) await lockShardAnswers(tx, jobId, shard);
    if (disputed && (await wasShareChecked(tx, { jobId, shard, vehicleId, shareSha256 }))) return undefined;
    const made = { jobId, shard, vehicleId, shareSha256, lines: answers.size, ...counts, atMs: nowMs };
    const deviceMs = comparison.deviceMs * scale;
    await bookCheck(tx, { ...made, vehicle, model: split.model.name, deviceMs });
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
    if (disputed) await prependAcceptedParts(tx, jobId, shard, corrections.map(correctedPart));
    if (verdict !== 'guilty') return undefined;
    const { quarantineId, journal } = await quarantine(tx, vehicle, { jobId, shard, ...counts, differing }, nowMs);
    await appendJournal(tx, cellId, journal);
    return quarantineId;
  });
}

/** One that remembers what it has answered to canaries: those are asked again and again. */
function runnerFor({ database, objects, trusted }: TrustPorts, requests: ShardRequests): TrustedRunner {
  const { jobId, split, canaries } = requests;
  if (isCanary(split.tenant?.id)) return rememberingRunner(trusted, answersInDatabase(database));
  if (canaries.size === 0) return trusted;
  const ids = new Set([...canaries].map((line) => taskOf(requests, line).task.id));
  return rememberingRunner(trusted, answersOfJob(objects, jobId), ({ id }) => ids.has(id));
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

/** A dispute is a look of its own. */
function sha256OfShare(receipts: readonly PartReceipt[], disputed: readonly number[] | undefined): string {
  const stored = receipts.map(({ range, partSha256 }) => `${range.start}-${range.end} ${partSha256}\n`).sort();
  const looked = disputed ? `disputed ${disputed.join(' ')}\n` : '';
  return createHash('sha256')
    .update(`${looked}${stored.join('')}`)
    .digest('hex');
}
