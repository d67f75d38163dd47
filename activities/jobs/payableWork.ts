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
  /** For other shards. */
  readonly paidWh: number;
}

/** What is known of a car's meter around the time in which it had a shard. */
export interface CarsMeter {
  readonly kind: keyof typeof METER_TOLERANCE;
  /** In the order of time, from `SPREAD_SLOTS` before the one in which the shard was handed out. */
  readonly slots: readonly MeterSlot[];
  /** Up to when it was read; before the shard was handed out: nothing of it is known. */
  readonly readUntilMs: number;
}

/**
 * What slots were paid for together, and what of it their meter explains, each its own and what the `SPREAD_SLOTS` before
 * it have left; one whose `meteredWh` is infinite explains itself.
 * @param slots in the order of time
 */
export function explainedWh(
  slots: readonly Pick<MeterSlot, 'meteredWh' | 'paidWh'>[],
  kind: CarsMeter['kind'],
): { readonly paidWh: number; readonly explainedWh: number } {
  const left: number[] = [];
  let [paid, explained] = [0, 0];
  for (const { meteredWh, paidWh } of slots) {
    paid += paidWh;
    left.push(meteredWh * METER_TOLERANCE[kind] + METER_SLACK_WH);
    let openWh = paidWh;
    for (let slot = left.length - 1; slot >= Math.max(0, left.length - 1 - SPREAD_SLOTS) && openWh > 0; slot--) {
      const wh = Math.min(openWh, left[slot] ?? 0);
      left[slot] = (left[slot] ?? 0) - wh;
      openWh -= wh;
    }
    explained += paidWh - openWh;
  }
  return { paidWh: paid, explainedWh: explained };
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
 * The energy of a car's claim that is paid, and of which slots: no more than its class can take in the device time that is
 * paid, nor than its plug's meter has counted in the quarter hours in which it had the shard and that no other shard was
 * paid for. As far as the meter was not read yet, the class alone is the limit.
 * @param paidMs device time, grid time
 * @returns Wh by the start of the slot
 */
export function payableBySlot(
  claimedWh: number,
  { chipKw }: Pick<HardwareClassSpec, 'chipKw'>,
  paidMs: number,
  { handedOutMs, storedUntilMs }: Pick<HeldTime, 'handedOutMs' | 'storedUntilMs'>,
  { kind, slots, readUntilMs }: CarsMeter,
): ReadonlyMap<number, number> {
  const mostWhIn = (ms: number): number => (chipKw * 1000 * PLAUSIBLE_OVERHEAD * ms) / HOUR_MS;
  let leftWh = Math.min(claimedWh, mostWhIn(paidMs) + PLAUSIBLE_SLACK_WH);
  const isHeld = ({ startMs, endMs }: MeterSlot): boolean => startMs <= storedUntilMs && endMs > handedOutMs;
  const paid = new Map<number, number>();
  for (const slot of [...slots.filter(isHeld), ...slots.filter((each) => !isHeld(each)).toReversed()]) {
    const unreadMs = Math.min(slot.endMs, storedUntilMs) - Math.max(slot.startMs, handedOutMs, readUntilMs);
    const unknownWh = isHeld(slot) ? mostWhIn(Math.max(0, unreadMs)) : 0;
    const coveredWh = slot.meteredWh * METER_TOLERANCE[kind] + unknownWh - slot.paidWh;
    const wh = Math.min(leftWh, Math.max(0, coveredWh));
    if (wh > 0) paid.set(slot.startMs, wh);
    leftWh -= wh;
  }
  const last = slots.findLast(isHeld);
  if (last && leftWh > 0) paid.set(last.startMs, (paid.get(last.startMs) ?? 0) + Math.min(leftWh, METER_SLACK_WH));
  return paid;
}
