import { DAY_MS, MINUTE_MS } from '../domain/durations.ts';
import { gridDay } from '../domain/gridDay.ts';
import type { JournalReason } from '../domain/journal.ts';
import { regionWindows } from '../scheduler/regionWindows.ts';
import { carbonKind, rankSources, STALE_AFTER_HOURS, staleSources } from '../scheduler/sources.ts';
import type { Feeder } from '../store/feeders.ts';
import type { FeedState } from '../store/feedStates.ts';
import type { Region } from '../store/regions.ts';
import type { SignalSpan, TimeWindow } from '../store/signals.ts';
import type { RegionSummary } from '../domain/workflows/gridRegion.ts';
import { limitsNow } from './importLimits.ts';

/** What a region is summed up from: from the last local noon, so that nights are whole, to where plans look. */
export function knownWindow({ timeZone }: Pick<Region, 'timeZone'>, nowMs: number): TimeWindow {
  return { startMs: gridDay(timeZone, nowMs).startMs, endMs: nowMs + PLAN_HORIZON_MS };
}

const PLAN_HORIZON_MS = DAY_MS;
/** A summary goes into the workflow's history, and a region may have thousands of feeders. */
const MAX_LIMITS = 20;

export interface RegionFacts {
  readonly region: Region;
  /** From the noon before `nowMs` to the end of what is known. */
  readonly signals: readonly SignalSpan[];
  readonly feeders: readonly Feeder[];
  readonly feeds: readonly FeedState[];
  /** Fallbacks that are not those of feeds. */
  readonly fallbacks: readonly JournalReason[];
  /** Grid time. */
  readonly nowMs: number;
  readonly carbonEurPerKg: number;
}

/** The few figures of a region that operators and the cell need. */
export function summarizeRegion(facts: RegionFacts): RegionSummary {
  const { region, signals, feeders, feeds, nowMs, carbonEurPerKg } = facts;
  const inForce = (span: SignalSpan): boolean => span.startMs <= nowMs && nowMs < span.endMs;
  const valueNow = (kind: SignalSpan['kind']): number | null =>
    rankSources(
      signals.filter((span) => span.kind === kind && span.feederId === null && inForce(span)),
      nowMs,
    ).at(-1)?.value ?? null;
  const limits = limitsNow(signals, feeders, nowMs);
  const changes = limits.flatMap(({ untilMs }) => (untilMs === null ? [] : [untilMs]));
  const period = gridDay(region.timeZone, nowMs);
  const feederIds = feeders.map(({ id }) => id);
  const priceEnds = signals.filter((span) => span.kind === 'price').map((span) => span.endMs);
  return {
    atMs: nowMs,
    priceEurPerKwh: valueNow('price'),
    carbonGPerKwh: valueNow(carbonKind(signals)),
    ambientCelsius: valueNow('temperature'),
    knownUntilMs: priceEnds.length === 0 ? null : Math.max(...priceEnds),
    offPeakWindows: regionWindows({ period, signals, feederIds, nowMs, carbonEurPerKg }),
    feedersOnFailSafe: limits.filter(({ source }) => source === null).map(({ feederId }) => feederId),
    limits: limits.toSorted((a, b) => a.limitKw - b.limitKw).slice(0, MAX_LIMITS),
    limitsChangeMs: changes.length === 0 ? null : Math.min(...changes),
    emergency: limits.some(({ limitKw, source }) => source !== null && limitKw === 0),
    feeds,
    fallbacks: [...facts.fallbacks, ...failingFeeds(feeds, nowMs), ...staleFeeds(signals, nowMs)],
  };
}

function failingFeeds(feeds: readonly FeedState[], nowMs: number): JournalReason[] {
  return feeds.flatMap(({ feed, failure, failures, failingSinceMs, readAtMs }) => {
    if (failure === null || failingSinceMs === null) return [];
    const age = readAtMs === null ? 'it was never read' : `its stored values, ${ago(readAtMs, nowMs)} old, are in use`;
    const text = `Feed ${feed} has failed for ${ago(failingSinceMs, nowMs)}, ${age}: ${failure}.`;
    return [{ code: 'feed_failed', text, value: failures }];
  });
}

function ago(sinceMs: number, nowMs: number): string {
  return `${Math.max(0, Math.round((nowMs - sinceMs) / MINUTE_MS))} min`;
}

function staleFeeds(signals: readonly SignalSpan[], nowMs: number): JournalReason[] {
  return [...staleSources(signals, nowMs)].map(([source, hours]) => {
    const text = `Feed ${source} was last read ${hours.toFixed(1)} h ago; its stored values are in use.`;
    return { code: 'feed_stale', text, value: hours, limit: STALE_AFTER_HOURS };
  });
}
