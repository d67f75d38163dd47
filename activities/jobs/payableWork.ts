import { HOUR_MS } from '../../domain/durations.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';

/** Most kW at the plug per kW of chip that any weather and awake load explain; beyond it, a claim is not plausible. */
const PLAUSIBLE_OVERHEAD = 8;
const PLAUSIBLE_SLACK_WH = 5;
/** A car's own meter may be wrong by as much; a charger's is of class A at worst (EN 50470-3), with its readings rounded. */
const METER_TOLERANCE = { car: 1.25, charger: 1.03 } as const;
/** A reading's rise is spread over the time since the one before: so many slots before may hold energy of a later one. */
export const SPREAD_SLOTS = 4;
/** Of a shard, and at the end of a stay of a slot: readings are rounded, and come a moment before or after its bounds. */
const METER_SLACK_WH = 20;

/** A time in which a car had a shard, grid time, and how much of it was paid as device time. */
export interface HeldTime {
  readonly handedOutMs: number;
  readonly storedUntilMs: number;
  readonly paidMs: number;
}

/** A slot of a car's meter. */
export interface MeterSlot {
  readonly startMs: number;
  readonly endMs: number;
  /** Counted as compute: what the plug drew, less the charge. */
  readonly meteredWh: number;
}

/** What is known of a car's meter around the time in which it had a shard. */
export interface CarsMeter {
  readonly kind: keyof typeof METER_TOLERANCE;
  /** In the order of time, from `SPREAD_SLOTS` before the one in which the shard was handed out. */
  readonly slots: readonly MeterSlot[];
  /** Paid for other shards that the car had within these slots. */
  readonly othersWh: number;
  /** Up to when it was read; before the shard was handed out: nothing of it is known. */
  readonly readUntilMs: number;
}

/** What slots that were read were paid for together, and what of it their meter explains. */
export function explainedWh(
  slots: readonly { readonly meteredWh: number; readonly paidWh: number }[],
  kind: CarsMeter['kind'],
): { readonly paidWh: number; readonly explainedWh: number } {
  const paidWh = slots.reduce((sum, slot) => sum + slot.paidWh, 0);
  const meteredWh = slots.reduce((sum, slot) => sum + slot.meteredWh, 0);
  return {
    paidWh,
    explainedWh: Math.min(paidWh, meteredWh * METER_TOLERANCE[kind] + slots.length * METER_SLACK_WH),
  };
}

/**
 * The device time in which a car can have computed a shard: while it had it, less what it is paid for other shards in
 * that time, since it computes one at a time. Right in whatever order the shards are accepted.
 */
export function payableMs(
  claimedMs: number,
  own: HeldTime & { readonly heldMs: number },
  others: readonly HeldTime[],
): number {
  const starts = [own, ...others].map((each) => each.handedOutMs).filter((atMs) => atMs <= own.handedOutMs);
  const byEnd = [...others, { ...own, paidMs: 0 }].toSorted((a, b) => a.storedUntilMs - b.storedUntilMs);
  let leftMs = own.heldMs;
  for (const startMs of starts) {
    let paidMs = 0;
    for (const each of byEnd) {
      if (each.handedOutMs >= startMs) paidMs += each.paidMs;
      if (each.storedUntilMs >= own.storedUntilMs) leftMs = Math.min(leftMs, each.storedUntilMs - startMs - paidMs);
    }
  }
  return Math.max(0, Math.min(claimedMs, leftMs));
}

/**
 * The energy of a car's claim that is paid: no more than its class can take in the device time that is paid, nor than its
 * plug's meter has counted in the quarter hours in which it had the shard, and just before, less what other shards within
 * them were paid. As far as the meter was not read yet, the class alone is the limit.
 * @param paidMs device time, grid time
 */
export function payableWh(
  claimedWh: number,
  { chipKw }: Pick<HardwareClassSpec, 'chipKw'>,
  paidMs: number,
  { handedOutMs, storedUntilMs }: Pick<HeldTime, 'handedOutMs' | 'storedUntilMs'>,
  { kind, slots, othersWh, readUntilMs }: CarsMeter,
): number {
  const mostWhIn = (ms: number): number => (chipKw * 1000 * PLAUSIBLE_OVERHEAD * ms) / HOUR_MS;
  const byTimeWh = mostWhIn(paidMs) + PLAUSIBLE_SLACK_WH;
  const meteredWh = slots.reduce((sum, slot) => sum + slot.meteredWh, 0);
  const unreadMs = Math.max(0, storedUntilMs - Math.max(handedOutMs, readUntilMs));
  const byMeterWh = Math.max(0, meteredWh - othersWh) * METER_TOLERANCE[kind] + METER_SLACK_WH + mostWhIn(unreadMs);
  return Math.min(claimedWh, byTimeWh, byMeterWh);
}
