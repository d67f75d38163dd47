import type { LimitNow } from '../domain/workflows/gridRegion.ts';
import { slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import type { Feeder } from '../store/feeders.ts';
import type { SignalSpan } from '../store/signals.ts';

/**
 * Which import limit is in force on a feeder. All that is stated holds, so the tightest counts, whoever states it; where
 * nobody states any, the feeder's fail-safe limit does. Never is it "unlimited".
 */

/** The limits that hold on a feeder, its own and those of its region. */
function limitsOf(signals: readonly SignalSpan[], feederId: string): SignalSpan[] {
  return signals.filter(
    (span) => span.kind === 'import_limit' && (span.feederId === null || span.feederId === feederId),
  );
}

/**
 * A feeder's import limit in each slot, kW: the tightest of all sources and of all instants in the slot, since cars
 * hold one setpoint through it and a limit is a hard cap. A part of the slot of which no source says anything counts
 * with the fail-safe limit. Null where no source says anything at all.
 */
export function tightestLimitKw(
  axis: SlotAxis,
  signals: readonly SignalSpan[],
  feeder: Pick<Feeder, 'id' | 'regionId' | 'failSafeImportKw'>,
): (number | null)[] {
  const limits = limitsOf(signals, feeder.id).filter(({ regionId }) => regionId === feeder.regionId);
  return Array.from({ length: axis.count }, (_, slot) => {
    const [startMs, endMs] = [slotStartMs(axis, slot), slotStartMs(axis, slot + 1)];
    const inSlot = limits.filter((span) => span.startMs < endMs && span.endMs > startMs);
    if (inSlot.length === 0) return null;
    const tightest = Math.min(...inSlot.map(({ value }) => value));
    return coversAll(inSlot, startMs, endMs) ? tightest : Math.min(tightest, feeder.failSafeImportKw);
  });
}

/**
 * What still matters of the signals to a plan that is made at `nowMs`, within its first slot: a limit that has ended by then
 * holds nobody back any more, such as that of an emergency that was ended.
 */
export function withoutEndedLimits(signals: readonly SignalSpan[], nowMs: number): SignalSpan[] {
  return signals.filter(({ kind, endMs }) => kind !== 'import_limit' || endMs > nowMs);
}

function coversAll(spans: readonly SignalSpan[], startMs: number, endMs: number): boolean {
  let coveredMs = startMs;
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs)) {
    if (span.startMs > coveredMs) return false;
    coveredMs = Math.max(coveredMs, span.endMs);
  }
  return coveredMs >= endMs;
}

/** What limits each feeder at `nowMs`, which source says so, and until when it is that: the tightest limit holds. */
export function limitsNow(
  signals: readonly SignalSpan[],
  feeders: readonly Pick<Feeder, 'id' | 'failSafeImportKw'>[],
  nowMs: number,
): LimitNow[] {
  const limits = signals.filter(({ endMs }) => endMs > nowMs);
  return feeders.map(({ id: feederId, failSafeImportKw }) => {
    const ofFeeder = limitsOf(limits, feederId);
    const tightestAt = (atMs: number): SignalSpan | undefined =>
      ofFeeder
        .filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)
        .reduce<SignalSpan | undefined>(
          (least, span) => (least && least.value <= span.value ? least : span),
          undefined,
        );
    const now = tightestAt(nowMs);
    const changes = [...new Set(ofFeeder.flatMap(({ startMs, endMs }) => [startMs, endMs]))].sort((a, b) => a - b);
    const untilMs = changes.find((atMs) => atMs > nowMs && tightestAt(atMs)?.value !== now?.value) ?? null;
    return { feederId, limitKw: now?.value ?? failSafeImportKw, source: now?.source ?? null, untilMs };
  });
}

/** A stretch of time in which one source now states another import limit than before. */
export interface RevisedLimit {
  /** The feeder, or null for the whole region. */
  readonly place: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly fromKw: number;
  readonly toKw: number;
}

/**
 * Import limits whose value was revised, neighbours with the same revision merged.
 * @param before spans as they were stored, ascending by feeder, source and start
 * @param after the same after new ones were taken in
 */
export function revisedLimits(before: readonly SignalSpan[], after: readonly SignalSpan[]): RevisedLimit[] {
  const limits = before.filter(({ kind }) => kind === 'import_limit');
  const revised: RevisedLimit[] = [];
  for (const span of after.filter(({ kind }) => kind === 'import_limit')) {
    const known = limits.find(
      ({ feederId, source, startMs, endMs }) =>
        feederId === span.feederId && source === span.source && startMs < span.endMs && endMs > span.startMs,
    );
    if (!known || known.value === span.value) continue;
    const { feederId: place, startMs, endMs, value: toKw } = span;
    const last = revised.at(-1);
    const goesOn = last?.place === place && last.endMs === startMs && last.toKw === toKw && last.fromKw === known.value;
    if (goesOn) revised[revised.length - 1] = { ...last, endMs };
    else revised.push({ place, startMs, endMs, fromKw: known.value, toKw });
  }
  return revised;
}
