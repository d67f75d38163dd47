import { DateTime } from 'luxon';
import type { JournalReason } from '../../domain/journal.ts';
import { seriesOnAxis, slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import { offPeakWindows } from '../../scheduler/windows.ts';
import type { Region } from '../../store/regions.ts';
import type { SignalSpan } from '../../store/signals.ts';
import type { RegionSummary } from '../../workflows/messages.ts';

export const WINDOW_SLOT_MINUTES = 15;
/** Signals of declared emergencies are stored beside those of the feeds, under this source. */
export const EMERGENCY_SOURCE = 'emergency';

const HOUR_MS = 3_600_000;
/** A feed that has been silent for longer is stale: planning goes on, and says so. */
const STALE_AFTER_MS = 2 * HOUR_MS;

export interface RegionFacts {
  readonly region: Region;
  /** From the noon before `nowMs` to the end of what is known. */
  readonly signals: readonly SignalSpan[];
  readonly feederIds: readonly string[];
  readonly failures: readonly JournalReason[];
  /** Grid time. */
  readonly nowMs: number;
  readonly carbonEurPerKg: number;
}

/** The last local noon at or before `nowMs`: off-peak windows are found from noon to noon, so that a night is whole. */
export function noonBeforeMs(timeZone: string, nowMs: number): number {
  const now = DateTime.fromMillis(nowMs, { zone: timeZone });
  const noon = now.set({ hour: 12, minute: 0, second: 0, millisecond: 0 });
  return (noon <= now ? noon : noon.minus({ days: 1 })).toMillis();
}

/** The few figures of a region that operators and the cell need. */
export function summarizeRegion(facts: RegionFacts): RegionSummary {
  const { region, signals, feederIds, failures, nowMs } = facts;
  const inForce = (span: SignalSpan): boolean => span.startMs <= nowMs && nowMs < span.endMs;
  const valueNow = (kind: SignalSpan['kind']): number | null =>
    signals.find((span) => span.kind === kind && span.feederId === null && inForce(span))?.value ?? null;
  const limits = signals.filter((span) => span.kind === 'import_limit' && inForce(span));
  const isLimited = (id: string): boolean => limits.some((span) => span.feederId === id || span.feederId === null);
  const priceEnds = signals.filter((span) => span.kind === 'price').map((span) => span.endMs);
  return {
    atMs: nowMs,
    priceEurPerKwh: valueNow('price'),
    carbonGPerKwh: valueNow('carbon'),
    ambientCelsius: valueNow('temperature'),
    knownUntilMs: priceEnds.length === 0 ? null : Math.max(...priceEnds),
    offPeakWindows: windowsOf(facts, region.timeZone),
    feedersOnFailSafe: feederIds.filter((id) => !isLimited(id)),
    emergency: limits.some((span) => span.value === 0),
    fallbacks: [...failures, ...staleFeeds(signals, nowMs)],
  };
}

function windowsOf({ signals, nowMs, carbonEurPerKg }: RegionFacts, timeZone: string): RegionSummary['offPeakWindows'] {
  const startMs = noonBeforeMs(timeZone, nowMs);
  const endMs = DateTime.fromMillis(startMs, { zone: timeZone }).plus({ days: 1 }).toMillis();
  const count = Math.round((endMs - startMs) / (WINDOW_SLOT_MINUTES * 60_000));
  const axis: SlotAxis = { startMs, slotMinutes: WINDOW_SLOT_MINUTES, count };
  const onAxis = (kind: SignalSpan['kind']): (number | null)[] =>
    seriesOnAxis(
      axis,
      signals.filter((span) => span.kind === kind && span.feederId === null),
    );
  const carbonGPerKwh = onAxis('carbon');
  const slots = onAxis('price').map((priceEurPerKwh, slot) => ({
    startMs: slotStartMs(axis, slot),
    endMs: slotStartMs(axis, slot + 1),
    priceEurPerKwh,
    carbonGPerKwh: carbonGPerKwh[slot] ?? null,
  }));
  return offPeakWindows(slots, carbonEurPerKg);
}

function staleFeeds(signals: readonly SignalSpan[], nowMs: number): JournalReason[] {
  const lastReadMs = new Map<string, number>();
  for (const { source, fetchedAtMs } of signals) {
    if (source.startsWith(EMERGENCY_SOURCE)) continue;
    lastReadMs.set(source, Math.max(fetchedAtMs, lastReadMs.get(source) ?? 0));
  }
  return [...lastReadMs]
    .filter(([, fetchedAtMs]) => nowMs - fetchedAtMs > STALE_AFTER_MS)
    .map(([source, fetchedAtMs]) => {
      const hours = (nowMs - fetchedAtMs) / HOUR_MS;
      const text = `Feed ${source} was last read ${hours.toFixed(1)} h ago; its stored values are in use.`;
      return { code: 'feed_stale', text, value: hours, limit: STALE_AFTER_MS / HOUR_MS };
    });
}
