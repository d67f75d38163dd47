import { HOUR_MS } from '../../domain/durations.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import type { TimeWindow } from '../../store/signals.ts';
import type { HeldTime } from './payableWork.ts';

/** Most kW at the plug per kW of chip that any weather and awake load explain; beyond it, a claim is not plausible. */
const PLAUSIBLE_OVERHEAD = 8;
const PLAUSIBLE_SLACK_WH = 5;
/** A car's own meter may be wrong by as much; a charger's is of class A at worst (EN 50470-3), with its readings rounded. */
const METER_TOLERANCE = { car: 1.25, charger: 1.03 } as const;
/** Readings are rounded, and come a moment before or after the bounds of what they are held against: of a stretch, and of a stay's paid slots. */
const METER_SLACK_WH = 20;
/** Clocks of cars are not ours: what a slot has counted may be of the one beside it. */
const CLOCK_SLOTS = 1;

/** A slot of a car's meter. */
export interface MeterSlot {
  readonly startMs: number;
  /** Counted as compute: what the plug drew, less the charge. */
  readonly meteredWh: number;
  /** From which to which reading the rise of the registers is that was shared out over this slot, and others. */
  readonly spread: TimeWindow;
}

/** What is known of a car's meter around the time in which it had a shard. */
export interface CarsMeter {
  readonly kind: keyof typeof METER_TOLERANCE;
  readonly slotMs: number;
  /** In the order of time; those that counted nothing may be left out. */
  readonly slots: readonly MeterSlot[];
  /** From when until when it was read; of what it counted before and after, nothing is known. */
  readonly read: TimeWindow;
}

/** A time in which a car had a shard, and what energy of it was paid. */
export type PaidTime = Pick<HeldTime, 'handedOutMs' | 'storedUntilMs'> & { readonly paidWh: number };

/** What slots that were read were paid for together, and what of it their meter explains. */
export function explainedWh(
  slots: readonly { readonly meteredWh: number; readonly paidWh: number }[],
  kind: CarsMeter['kind'],
): { readonly paidWh: number; readonly explainedWh: number } {
  const paidWh = slots.reduce((sum, slot) => sum + slot.paidWh, 0);
  const meteredWh = slots.reduce((sum, slot) => sum + slot.meteredWh, 0);
  const slackWh = slots.filter((slot) => slot.paidWh > 0).length * METER_SLACK_WH;
  return { paidWh, explainedWh: Math.min(paidWh, meteredWh * METER_TOLERANCE[kind] + slackWh) };
}

/**
 * The energy of a car's claim that is paid: no more than its class can take in the device time that is paid, nor than its
 * plug's meter explains. The meter explains a night's shards if no stretch of quarter hours was paid for more, by shards
 * that lie within it, than it has counted; so this is what is left in the narrowest stretch that has this shard. As far as
 * the meter was not read yet, the class alone is the limit. Right in whatever order the shards are accepted.
 * @param paidMs device time, grid time
 * @param others shards that the car had within a day of it
 */
export function payableWh(
  claimedWh: number,
  { chipKw }: Pick<HardwareClassSpec, 'chipKw'>,
  paidMs: number,
  own: Pick<HeldTime, 'handedOutMs' | 'storedUntilMs'>,
  others: readonly PaidTime[],
  meter: CarsMeter,
): number {
  const mostWhIn = (ms: number): number => (chipKw * 1000 * PLAUSIBLE_OVERHEAD * ms) / HOUR_MS;
  const byTimeWh = mostWhIn(paidMs) + PLAUSIBLE_SLACK_WH;
  const ownSpan = spanOf(own, meter);
  const shards = [...others, { ...own, paidWh: 0 }]
    .map((each) => ({ ...each, span: spanOf(each, meter) }))
    .toSorted((a, b) => a.span.endMs - b.span.endMs);
  const starts = new Set(shards.map(({ span }) => span.startMs).filter((atMs) => atMs <= ownSpan.startMs));
  let leftWh = Math.min(claimedWh, byTimeWh);
  for (const startMs of starts) {
    let [paidWh, firstMs, lastMs] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const counted = countedFrom(startMs, meter);
    for (const { span, handedOutMs, storedUntilMs, paidWh: ofShardWh } of shards) {
      if (span.startMs < startMs) continue;
      paidWh += ofShardWh;
      firstMs = Math.min(firstMs, handedOutMs);
      lastMs = Math.max(lastMs, storedUntilMs);
      if (span.endMs < ownSpan.endMs) continue;
      const readMs = Math.min(lastMs, meter.read.endMs) - Math.max(firstMs, meter.read.startMs);
      const unreadMs = Math.max(0, lastMs - firstMs - Math.max(0, readMs));
      const explained = counted(span.endMs) * METER_TOLERANCE[meter.kind] + METER_SLACK_WH + mostWhIn(unreadMs);
      leftWh = Math.min(leftWh, explained - paidWh);
    }
  }
  return Math.max(0, leftWh);
}

/** The quarter hours in which energy may stand that was drawn while a car had a shard: also those over which it was shared out. */
function spanOf(
  { handedOutMs, storedUntilMs }: Pick<HeldTime, 'handedOutMs' | 'storedUntilMs'>,
  { slots, slotMs }: Pick<CarsMeter, 'slots' | 'slotMs'>,
): TimeWindow {
  const slotOf = (atMs: number): number => Math.floor(atMs / slotMs);
  let startMs = (slotOf(handedOutMs) - CLOCK_SLOTS) * slotMs;
  let endMs = (slotOf(storedUntilMs) + 1 + CLOCK_SLOTS) * slotMs;
  for (const { startMs: atMs, spread } of slots) {
    if (atMs + slotMs <= handedOutMs || atMs > storedUntilMs) continue;
    startMs = Math.min(startMs, slotOf(spread.startMs) * slotMs);
    endMs = Math.max(endMs, Math.ceil(spread.endMs / slotMs) * slotMs);
  }
  return { startMs, endMs };
}

/** What was counted from the instant up to later ones, which are asked for in their order. */
function countedFrom(fromMs: number, { slots }: Pick<CarsMeter, 'slots'>): (untilMs: number) => number {
  let next = 0;
  let sumWh = 0;
  return (untilMs) => {
    for (let slot = slots[next]; slot && slot.startMs < untilMs; slot = slots[(next += 1)]) {
      if (slot.startMs >= fromMs) sumWh += slot.meteredWh;
    }
    return sumWh;
  };
}
