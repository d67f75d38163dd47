import { slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import type { Feeder } from '../../store/feeders.ts';
import type { SignalSpan } from '../../store/signals.ts';

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
  const limits = signals.filter(
    ({ kind, regionId, feederId }) =>
      kind === 'import_limit' && regionId === feeder.regionId && (feederId === null || feederId === feeder.id),
  );
  return Array.from({ length: axis.count }, (_, slot) => {
    const [startMs, endMs] = [slotStartMs(axis, slot), slotStartMs(axis, slot + 1)];
    const inSlot = limits.filter((span) => span.startMs < endMs && span.endMs > startMs);
    if (inSlot.length === 0) return null;
    const tightest = Math.min(...inSlot.map(({ value }) => value));
    return coversAll(inSlot, startMs, endMs) ? tightest : Math.min(tightest, feeder.failSafeImportKw);
  });
}

function coversAll(spans: readonly SignalSpan[], startMs: number, endMs: number): boolean {
  let coveredMs = startMs;
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs)) {
    if (span.startMs > coveredMs) return false;
    coveredMs = Math.max(coveredMs, span.endMs);
  }
  return coveredMs >= endMs;
}
