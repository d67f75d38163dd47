import { HOUR_MS } from '../../domain/durations.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';

/** Most kW at the plug per kW of chip that any weather and awake load explain; beyond it, a claim is not plausible. */
const PLAUSIBLE_OVERHEAD = 8;
const PLAUSIBLE_SLACK_WH = 5;
/** Meters are rounded, and a reading's rise is spread evenly over the time since the last one. */
const METER_TOLERANCE = 1.25;
const METER_SLACK_WH = 20;

/** A time in which a car had a shard, grid time, and how much of it was paid as device time. */
export interface HeldTime {
  readonly handedOutMs: number;
  readonly storedUntilMs: number;
  readonly paidMs: number;
}

/** What a meter at the plug counted of a car's compute in the quarter hours of a shard, without what was paid already. */
export interface MeteredCompute {
  readonly energyWh: number;
  /** Up to when it was read. */
  readonly readUntilMs: number;
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
 * The energy of a car's claim that is paid: no more than its class can take in the device time that is paid, nor than
 * its plug's meter counted, up to when that was read.
 * @param paidMs device time, grid time
 */
export function payableWh(
  claimedWh: number,
  { chipKw }: Pick<HardwareClassSpec, 'chipKw'>,
  paidMs: number,
  { storedUntilMs, metered }: { readonly storedUntilMs: number; readonly metered: MeteredCompute | undefined },
): number {
  const mostWhIn = (ms: number): number => (chipKw * 1000 * PLAUSIBLE_OVERHEAD * ms) / HOUR_MS;
  const byTimeWh = mostWhIn(paidMs) + PLAUSIBLE_SLACK_WH;
  if (!metered) return Math.min(claimedWh, byTimeWh);
  const unreadMs = Math.max(0, storedUntilMs - metered.readUntilMs);
  const byMeterWh = metered.energyWh * METER_TOLERANCE + METER_SLACK_WH + mostWhIn(unreadMs);
  return Math.min(claimedWh, byTimeWh, byMeterWh);
}
