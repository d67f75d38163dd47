import { DAY_MS, HOUR_MS, MAX_SLOT_MS, MINUTE_MS } from '../../domain/durations.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { copyOf } from '../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { measureClassSpeed } from '../../store/classSpeeds.ts';
import { lockComputeAttempts, recordPaidCompute, type ComputeAttempts } from '../../store/computeAttempts.ts';
import type { Queryable } from '../../store/database.ts';
import { addPaidCompute, listComputeSlots, readMeterFacts } from '../../store/paidCompute.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { bookWork } from '../settlement/bookWork.ts';
import type { BatchPricing } from '../settlement/batchPricing.ts';
import type { HeldAgainst } from './holdAgainst.ts';
import { payableWh, type CarsMeter } from './payableEnergy.ts';
import { payableMs } from './payableWork.ts';
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
  const meter = own && (await readCarsMeter(tx, vehicle.id, own, nowMs));
  const energyWh = meter ? payableWh(work.energyWh, hardwareClass, paidMs, own, others, meter) : 0;
  if (meter) {
    const slotStartMs = Math.floor(own.storedUntilMs / meter.slotMs) * meter.slotMs;
    await addPaidCompute(tx, vehicle.id, [{ slotStartMs, paidWh: energyWh }], nowMs);
  }
  await recordPaidCompute(tx, { ...carsShard, paidMs, paidWh: energyWh, nowMs });
  await bookWork(tx, pricing, {
    vehicle,
    batchId: jobId,
    shard,
    copy: copyOf(split, shard),
    energyWh,
    canaryShare: work.canaries / lines,
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

/** Around the time in which the car had the shard, as far as others' times are looked at. */
async function readCarsMeter(
  tx: Queryable,
  vehicleId: string,
  { handedOutMs, storedUntilMs }: ComputeAttempts,
  nowMs: number,
): Promise<CarsMeter> {
  const facts = await readMeterFacts(tx, vehicleId);
  const slotMs = facts ? facts.slotMinutes * MINUTE_MS : MAX_SLOT_MS;
  const window = { startMs: handedOutMs - 2 * DAY_MS, endMs: storedUntilMs + 2 * DAY_MS };
  const slots = (await listComputeSlots(tx, vehicleId, window)).map(({ slotStartMs: startMs, computeKwh, spread }) => ({
    startMs,
    meteredWh: computeKwh * 1000,
    spread: spread ?? { startMs: startMs - UNKNOWN_SPREAD_MS, endMs: startMs + slotMs },
  }));
  // A reading that is ahead of the clock says nothing of what was counted until now.
  const isRead = facts !== undefined && facts.readAtMs !== null && facts.readAtMs <= nowMs;
  const readUntilMs = isRead ? (facts.readAtMs ?? 0) : Number.NEGATIVE_INFINITY;
  const read = { startMs: facts?.readSinceMs ?? Number.NEGATIVE_INFINITY, endMs: readUntilMs };
  return { kind: facts?.isCharger === true ? 'charger' : 'car', slotMs, slots, read };
}

/** Of slots that were counted before it was kept with them. */
const UNKNOWN_SPREAD_MS = HOUR_MS;
