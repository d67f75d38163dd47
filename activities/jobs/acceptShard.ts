import { customIdOf, requestLinesOf } from '../../domain/batchLines.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import { receiptOfKey } from '../../domain/names.ts';
import { lockShardAnswers, recordAcceptedShard } from '../../store/acceptedShards.ts';
import type { RunShardResult } from '../../domain/shards.ts';
import { canaryPlaces } from '../../domain/trust/mixedSlice.ts';
import { copyOf } from '../../domain/trust/quorum.ts';
import { doubted } from '../../domain/trust/reputation.ts';
import { storableText } from '../../domain/storableText.ts';
import { messageOf } from '../../domain/thrown.ts';
import type { Queryable } from '../../store/database.ts';
import { isQuarantined } from '../../store/quarantines.ts';
import { updateReputation } from '../../store/reputations.ts';
import { shardIsRedone } from '../../store/recalledShards.ts';
import { readSliceKey } from '../../store/sliceKeys.ts';
import { listLineCorrections } from '../../store/shareChecks.ts';
import { correctedPart } from '../trust/trustedAnswers.ts';
import { appendJournal } from '../../store/journal.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import { readSlice } from '../../store/slices.ts';
import type { AcceptedShard } from '../../domain/workflows/shardWave.ts';
import { readPricing } from '../settlement/batchPricing.ts';
import { countAnswers } from './countAnswers.ts';
import type { JobPorts } from './jobPorts.ts';
import { holdAgainst } from './holdAgainst.ts';
import { payForWork, type CarsWork, type Excess, type PaidJob } from './payForWork.ts';
import { attribute, duplicatedLines, inOrder } from './shardParts.ts';
import { judgeShard, type JudgedShard } from './verifyShard.ts';

/**
 * Verifies a finished shard, records the hashes of its parts and pays the cars that computed them, all in one
 * transaction. What does not stand up loses its receipt, so that the next car computes just that anew.
 * @param least `all` lines must be answered, or `any` are taken: what there is when the batch ends
 */
export async function acceptShard(
  ports: JobPorts,
  job: PaidJob,
  { shard, result }: { readonly shard: number; readonly result?: RunShardResult },
  least: 'all' | 'any' = 'all',
): Promise<AcceptedShard> {
  const { database, objects } = ports;
  const { jobId, cellId } = job;
  const nowMs = Math.round(await ports.gridNowMs(cellId));
  const customIds = requestLinesOf(await readSlice(objects, jobId, shard, job.split)).map(customIdOf);
  const readCar = carReader(database);
  const quarantined = new Set<string>();
  const refusalOf = async (vehicleId: string): Promise<string | undefined> => {
    if (!(await readCar(vehicleId))) return 'not enrolled';
    if (!(await isQuarantined(database, vehicleId))) return undefined;
    quarantined.add(vehicleId);
    return 'in quarantine';
  };
  const { generates } = job.split;
  const { good, lines, bad } = await judgeShard(objects, jobId, shard, customIds, refusalOf, generates);
  await discard(ports, job, shard, bad, nowMs);

  const canaries = canaryPlaces(await readSliceKey(objects, job.split, jobId, shard));
  const attributions = attribute(good, canaries);
  const answeredLines = attributions.reduce((sum, share) => sum + share.lines, 0);
  if (answeredLines < (least === 'all' ? customIds.length : 1)) {
    const why = bad.map(({ key, why }) => `${key.split('/').at(-1)}: ${why}`).slice(0, MAX_TOLD);
    const message = [`shard ${shard} was refused: ${answeredLines} of ${customIds.length} lines stand up`, ...why];
    ports.onJudged?.({ accepted: false, handovers: 0, redoneLines: 0 });
    return { shard, accepted: false, message: message.join('; '), again: quarantined.size > 0 };
  }
  const pricing = await readPricing(database, job);
  const { answered, failed, units, inputTokens, outputTokens } = countAnswers(good, lines, pricing.unit, canaries);
  const work: CarsWork[] = [];
  for (const share of attributions) {
    const car = await readCar(share.vehicleId);
    if (car) work.push({ ...share, ...car, units: units.get(share.vehicleId) ?? 0 });
  }
  const parts = inOrder(good).map(({ range, partSha256: sha256, vehicleId }) => ({ ...range, sha256, vehicleId }));
  const handovers = Math.max(result?.handovers ?? 0, work.length - 1);
  const redoneLines = (result?.redoneLines ?? 0) + duplicatedLines(good, attributions);
  // A copy for a quorum is no more of the batch's answers.
  const counted = copyOf(job.split, shard) === 0;
  const isNew = await database.transaction(async (tx) => {
    if (job.split.quorum !== undefined) await lockShardAnswers(tx, jobId, shard);
    const corrections = (await listLineCorrections(tx, jobId, shard)).map(correctedPart);
    const isFirst = await recordAcceptedShard(tx, {
      jobId,
      shard,
      completed: counted ? answered - failed : 0,
      failed: counted ? failed : 0,
      inputTokens: counted ? inputTokens : 0,
      outputTokens: counted ? outputTokens : 0,
      handovers,
      redoneLines,
      // What stands first counts.
      parts: [...corrections, ...parts],
    });
    if (!isFirst) return false;
    await shardIsRedone(tx, jobId, shard);
    // What is left under a cap is asked and used up by one shard after the other. Before the cars' rows are locked.
    if (pricing.capMicros !== null)
      await tx.query(`select pg_advisory_xact_lock(hashtext('cap'), hashtext($1))`, [jobId]);
    const excesses: Excess[] = [];
    // In one order, since each car's row is locked until the end.
    for (const share of work.toSorted((a, b) => (a.vehicleId < b.vehicleId ? -1 : 1))) {
      const excess = await payForWork(tx, { ...job, pricing }, shard, share, nowMs);
      if (!excess) continue;
      excesses.push(excess);
      const { id: vehicleId, hardwareClass } = share.vehicle;
      const reputation = { vehicleId, modelFamily: job.split.model.family, hardwareClass };
      await updateReputation(tx, reputation, (before) => ({ reputation: doubted(before) }));
    }
    const held = await holdAgainst(
      tx,
      excesses.map((excess) => excess.held),
    );
    const told = excesses.map(({ line }) => line);
    await appendJournal(tx, cellId, [...handoverLine(jobId, shard, work, nowMs), ...told, ...held]);
    return true;
  });
  if (isNew) ports.onJudged?.({ accepted: true, handovers, redoneLines });
  return { shard, accepted: true, message: '' };
}

/** One shard that cannot be accepted does not hold its neighbours: it is computed again. */
export async function verdictOn(shard: number, accept: () => Promise<AcceptedShard>): Promise<AcceptedShard> {
  try {
    return await accept();
  } catch (error) {
    if (error instanceof NightshiftError && error.retryable) throw error;
    return { shard, accepted: false, message: `shard ${shard} could not be accepted: ${messageOf(error)}` };
  }
}

const MAX_TOLD = 3;

/** Receipts before parts: what has no receipt is computed again. */
async function discard(
  { database, objects }: JobPorts,
  { jobId, cellId }: PaidJob,
  shard: number,
  bad: JudgedShard['bad'],
  nowMs: number,
): Promise<void> {
  for (const { key, partKey } of bad) {
    await objects.delete(key);
    if (partKey !== undefined) await objects.delete(partKey);
  }
  const lines = bad.slice(0, MAX_TOLD).map(({ key, why }): JournalLine => {
    const vehicleId = receiptOfKey(key)?.vehicleId;
    const message = `A receipt of shard ${shard} of ${jobId} counts for nothing and is not paid: ${why}`;
    const dedupeKey = `discarded/${key}/${nowMs}`;
    return { atMs: nowMs, kind: 'fallback', subject: vehicleId ?? jobId, message: storableText(message), dedupeKey };
  });
  // A key is written by the very car that it names.
  const authors = new Set(bad.flatMap(({ key }) => receiptOfKey(key)?.vehicleId ?? []));
  const text = `It stored answers of ${jobId} that do not stand up.`;
  const held = await holdAgainst(
    database,
    [...authors].map((vehicleId) => ({ vehicleId, atMs: nowMs, text })),
  );
  await appendJournal(database, cellId, [...lines, ...held]);
}

function carReader(
  database: Queryable,
): (vehicleId: string) => Promise<{ vehicle: Vehicle; hardwareClass: HardwareClassSpec } | undefined> {
  let classes: Promise<HardwareClassSpec[]> | undefined;
  return async (vehicleId) => {
    const vehicle = await readVehicle(database, vehicleId);
    classes ??= listHardwareClasses(database);
    const hardwareClass = (await classes).find(({ id }) => id === vehicle?.hardwareClass);
    return vehicle && hardwareClass && { vehicle, hardwareClass };
  };
}

/** Says where a shard went on when more than one car had part in it. */
function handoverLine(jobId: string, shard: number, work: readonly CarsWork[], atMs: number): JournalLine[] {
  if (work.length < 2) return [];
  const shares = work.map(({ vehicle, vehicleId, ranges }) => {
    const lines = ranges.map(({ start, end }) => (end - start === 1 ? `${start}` : `${start}-${end - 1}`));
    return `${vehicle?.displayName ?? vehicleId} did lines ${lines.join(', ')}`;
  });
  const message = `Shard ${shard} was continued by another car: ${shares.join('; ')}`;
  return [{ atMs, kind: 'handover', subject: jobId, message, dedupeKey: `handover/${jobId}/${shard}` }];
}
