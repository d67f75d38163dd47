import { MINUTE_MS } from '../domain/durations.ts';
import { carbonKind, rankSources, type SourcedSpan } from './sources.ts';
import { seriesOnAxis, slotStartMs, type SlotAxis } from './time.ts';
import { offPeakWindows } from './windows.ts';

export const WINDOW_SLOT_MINUTES = 15;

interface KnownSpan extends SourcedSpan {
  readonly kind: string;
  readonly feederId: string | null;
  readonly value: number;
}

export interface RegionSignals {
  /** A fixed period, such as noon to noon; half-open, grid time. */
  readonly period: { readonly startMs: number; readonly endMs: number };
  readonly signals: readonly KnownSpan[];
  readonly feederIds: readonly string[];
  readonly nowMs: number;
  readonly carbonEurPerKg: number;
}

/**
 * The region's off-peak windows in the period, by price (a tariff is one), carbon and import limits. docs/grid.md
 * @returns half-open windows, ascending, epoch milliseconds
 */
export function regionWindows(facts: RegionSignals): { readonly startMs: number; readonly endMs: number }[] {
  const { period, signals, nowMs, carbonEurPerKg } = facts;
  const slotMs = WINDOW_SLOT_MINUTES * MINUTE_MS;
  const count = Math.round((period.endMs - period.startMs) / slotMs);
  const axis: SlotAxis = { startMs: period.startMs, slotMinutes: WINDOW_SLOT_MINUTES, count };
  const ofRegion = signals.filter(({ feederId }) => feederId === null);
  const onAxis = (wanted: string): (number | null)[] =>
    seriesOnAxis(
      axis,
      rankSources(
        ofRegion.filter(({ kind }) => kind === wanted),
        nowMs,
      ),
    );
  const carbonGPerKwh = onAxis(carbonKind(ofRegion));
  const slots = onAxis('price').map((priceEurPerKwh, slot) => {
    const startMs = slotStartMs(axis, slot);
    const endMs = slotStartMs(axis, slot + 1);
    const carbon = carbonGPerKwh[slot] ?? null;
    return { startMs, endMs, priceEurPerKwh, carbonGPerKwh: carbon, mayImport: mayImport(facts, startMs, endMs) };
  });
  return offPeakWindows(slots, carbonEurPerKg);
}

/** Whether any feeder is without a limit of 0 all through the span. */
function mayImport({ signals, feederIds }: RegionSignals, startMs: number, endMs: number): boolean {
  const shut = signals.filter(
    (span) => span.kind === 'import_limit' && span.value === 0 && span.startMs < endMs && span.endMs > startMs,
  );
  if (shut.some(({ feederId }) => feederId === null)) return false;
  return feederIds.length === 0 || feederIds.some((id) => shut.every(({ feederId }) => feederId !== id));
}
