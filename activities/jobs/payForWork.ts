import { HOUR_MS, MAX_SLOT_MS } from '../../domain/durations.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { measureClassSpeed } from '../../store/classSpeeds.ts';
import { lockComputeAttempts, recordPaidCompute, type ComputeAttempts } from '../../store/computeAttempts.ts';
import type { Queryable } from '../../store/database.ts';
import { readMeteredEnergy, readMeteredUntil } from '../../store/meters.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { bookWork } from '../settlement/bookWork.ts';
import type { BatchPricing } from '../settlement/batchPricing.ts';
import type { HeldAgainst } from './holdAgainst.ts';
import { payableMs, payableWh, type MeteredCompute } from './payableWork.ts';
import type { Attribution } from './shardParts.ts';

export interface PaidJob {
  readonly jobId: string;
  readonly cellId: string;
  readonly split: SplitBatch;
}

export interface Excess {
  readonly line: JournalLine;
  readonly held: HeldAgainst;
}

export type CarsWork = Attribution & {
  readonly vehicle: Vehicle;
  readonly hardwareClass: HardwareClassSpec;
  /** What the submitter pays for, in the model's unit. */
  readonly units: number;
};

/** What a reading says is spread over the time since the last one: some of a shard's energy lies before it. */
const METER_SPREAD_MS = HOUR_MS;

/**
 * Pays what the time in which the car had the shard, its class and its plug's meter explain. What it claims beyond that
 * is not paid.
 * @returns what it claims beyond that, to be told and held against it
 */
export async function payForWork(
  tx: Queryable,
  { jobId, split, pricing }: Pick<PaidJob, 'jobId' | 'split'> & { readonly pricing: BatchPricing },
  shard: number,
  work: CarsWork,
  nowMs: number,
): Promise<Excess | undefined> {
  const { vehicle, hardwareClass, lines } = work;
  const carsShard = { vehicleId: vehicle.id, jobId, shard };
  const { own, others } = await lockComputeAttempts(tx, carsShard);
  // Nobody handed it the shard: nothing is known to be its work.
  const paidMs = own ? payableMs(work.deviceMs, own, others) : 0;
  const metered = own && (await meteredCompute(tx, vehicle.id, own, others, nowMs));
  const energyWh = own
    ? payableWh(work.energyWh, hardwareClass, paidMs, { storedUntilMs: own.storedUntilMs, metered })
    : 0;
  await recordPaidCompute(tx, { ...carsShard, paidMs, paidWh: energyWh, nowMs });
  await bookWork(tx, pricing, {
    vehicle,
    batchId: jobId,
    shard,
    energyWh,
    units: work.units,
    during: { startMs: own?.handedOutMs ?? nowMs, endMs: own?.storedUntilMs ?? nowMs },
    nowMs,
  });
  if (energyWh < work.energyWh) {
    const excess =
      `${work.energyWh.toFixed(1)} Wh for shard ${shard} of ${jobId}; ` +
      `its time, its class and its meter explain ${energyWh.toFixed(1)} Wh`;
    const message = `${vehicle.displayName} claims ${excess}, and the rest is not paid`;
    const dedupeKey = `overclaimed/${jobId}/${shard}/${vehicle.id}`;
    const claim = { vehicleId: vehicle.id, atMs: nowMs, text: `It claimed ${excess}.` };
    return {
      line: { atMs: nowMs, kind: 'fallback', subject: vehicle.id, message, dedupeKey },
      held: { ...claim, value: work.energyWh, limit: energyWh },
    };
  }
  await measureClassSpeed(tx, {
    modelName: split.model.name,
    modelVersion: split.model.version,
    hardwareClass: vehicle.hardwareClass,
    deviceMs: paidMs,
    units: lines * (split.unitsPerLine ?? 1),
  });
  return undefined;
}

/** @returns undefined while no meter has been read since the car was handed the shard, or by a clock that is ahead */
async function meteredCompute(
  tx: Queryable,
  vehicleId: string,
  { handedOutMs, storedUntilMs }: ComputeAttempts,
  others: readonly ComputeAttempts[],
  nowMs: number,
): Promise<MeteredCompute | undefined> {
  const readAtMs = await readMeteredUntil(tx, vehicleId);
  if (readAtMs === undefined || readAtMs <= handedOutMs || readAtMs > nowMs) return undefined;
  const readUntilMs = Math.min(readAtMs, storedUntilMs);
  const span = { startMs: handedOutMs - METER_SPREAD_MS, endMs: readUntilMs };
  const { computeKwh } = await readMeteredEnergy(tx, vehicleId, span);
  const paidWh = others
    .filter((each) => each.handedOutMs >= span.startMs + MAX_SLOT_MS && each.storedUntilMs <= readUntilMs)
    .reduce((sum, each) => sum + each.paidWh, 0);
  return { energyWh: Math.max(0, computeKwh * 1000 - paidWh), readUntilMs };
}
