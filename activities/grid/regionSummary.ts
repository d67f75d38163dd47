import { gridDay } from '../../domain/gridDay.ts';
import type { JournalReason } from '../../domain/journal.ts';
import { regionWindows } from '../../scheduler/regionWindows.ts';
import { carbonKind, rankSources, STALE_AFTER_HOURS, staleSources } from '../../scheduler/sources.ts';
import type { Region } from '../../store/regions.ts';
import type { SignalSpan } from '../../store/signals.ts';
import type { RegionSummary } from '../../workflows/messages.ts';

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

/** The few figures of a region that operators and the cell need. */
export function summarizeRegion(facts: RegionFacts): RegionSummary {
  const { region, signals, feederIds, failures, nowMs } = facts;
  const inForce = (span: SignalSpan): boolean => span.startMs <= nowMs && nowMs < span.endMs;
  const valueNow = (kind: SignalSpan['kind']): number | null =>
    rankSources(
      signals.filter((span) => span.kind === kind && span.feederId === null && inForce(span)),
      nowMs,
    ).at(-1)?.value ?? null;
  const limits = signals.filter((span) => span.kind === 'import_limit' && inForce(span));
  const isLimited = (id: string): boolean => limits.some((span) => span.feederId === id || span.feederId === null);
  const priceEnds = signals.filter((span) => span.kind === 'price').map((span) => span.endMs);
  return {
    atMs: nowMs,
    priceEurPerKwh: valueNow('price'),
    carbonGPerKwh: valueNow(carbonKind(signals)),
    ambientCelsius: valueNow('temperature'),
    knownUntilMs: priceEnds.length === 0 ? null : Math.max(...priceEnds),
    offPeakWindows: regionWindows({ ...facts, period: gridDay(region.timeZone, nowMs) }),
    feedersOnFailSafe: feederIds.filter((id) => !isLimited(id)),
    emergency: limits.some((span) => span.value === 0),
    fallbacks: [...failures, ...staleFeeds(signals, nowMs)],
  };
}

function staleFeeds(signals: readonly SignalSpan[], nowMs: number): JournalReason[] {
  return [...staleSources(signals, nowMs)].map(([source, hours]) => {
    const text = `Feed ${source} was last read ${hours.toFixed(1)} h ago; its stored values are in use.`;
    return { code: 'feed_stale', text, value: hours, limit: STALE_AFTER_HOURS };
  });
}
