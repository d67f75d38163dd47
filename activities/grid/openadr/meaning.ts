import { firstCovers } from '../../../scheduler/firstCovers.ts';
import { SIGNAL_LIMITS, SIGNAL_UNITS, type SignalKind, type SignalSpan } from '../../../store/signals.ts';
import type { HeldEvent, SiteFeeder } from './heldEvent.ts';
import { ALERT_PREFIX, isSilent, readPayload, type Figure, type Layer } from './payloads.ts';
import { occurrencesOf, subIntervals, type Occurrence, type TimeSpan } from './timing.ts';

/** Of one event: more than a value a minute for each of some feeders is no plan. */
const MOST_SPANS = 50_000;

export interface Site {
  readonly regionId: string;
  /** Names the series of this connection. */
  readonly source: string;
  readonly priority: number;
  /** EUR for one unit of each foreign currency that the utility prices in. */
  readonly eurPer: Readonly<Record<string, number>>;
}

/** What a human is told by an alert. */
export interface Alert extends TimeSpan {
  readonly eventId: string;
  readonly type: string;
  readonly message: string;
}

/** What the events say about the region within a window. */
export interface Meaning {
  readonly spans: readonly SignalSpan[];
  readonly alerts: readonly Alert[];
  /** Events that cannot be followed, each with its reason; the others are. */
  readonly refused: ReadonlyMap<string, string>;
  /** Payload types that nothing follows from. */
  readonly ignored: readonly string[];
}

interface LayerSpan extends TimeSpan {
  readonly feederId: string | null;
  readonly kind: SignalKind;
  readonly layer: Layer;
  readonly value: number;
  /** Lower counts first; no priority is the lowest. */
  readonly rank: number;
  readonly modified: string;
}

/**
 * Translates events into signals of the connection's own series.
 *
 * Where events contradict each other, the lower `priority` counts; among equals the tightest limit and the newest
 * price. A dynamic limit stands before the contracted capacity, and an emergency is a series of its own: whatever else
 * is stated, the tightest series holds.
 * @param nowMs grid time, kept as the revision
 */
export function meaningOf(events: readonly HeldEvent[], site: Site, window: TimeSpan, nowMs: number): Meaning {
  const spans: LayerSpan[] = [];
  const alerts: Alert[] = [];
  const refused = new Map<string, string>();
  const ignored = new Set<string>();
  for (const held of events) {
    try {
      const read = eventMeaning(held, site, window);
      for (const span of read.spans) spans.push(span);
      alerts.push(...read.alerts);
      for (const type of read.ignored) ignored.add(type);
    } catch (error) {
      refused.set(held.event.id, error instanceof Error ? error.message : String(error));
    }
  }
  return {
    spans: resolved(spans, site, nowMs),
    alerts,
    refused,
    ignored: [...ignored].sort(),
  };
}

function eventMeaning(held: HeldEvent, site: Site, window: TimeSpan) {
  const spans: LayerSpan[] = [];
  const alerts: Alert[] = [];
  const ignored: string[] = [];
  const { event } = held;
  const rank = event.priority ?? Number.MAX_SAFE_INTEGER;
  const modified = event.modificationDateTime ?? '';
  for (const occurrence of occurrencesOf(event, held.anchorMs, site.source, window)) {
    for (const payload of occurrence.payloads) {
      if (payload.type.startsWith(ALERT_PREFIX)) {
        const { startMs, endMs } = occurrence;
        const [said] = payload.values;
        const message = (typeof said === 'string' ? said : JSON.stringify(said ?? '')).slice(0, 500);
        alerts.push({ eventId: event.id, type: payload.type, message, startMs, endMs });
      }
      const figures = readPayload(held, payload, site.eurPer);
      if (figures === undefined) {
        if (!payload.type.startsWith(ALERT_PREFIX) && !isSilent(payload.type)) ignored.push(payload.type);
        continue;
      }
      for (const figure of pieces(occurrence, figures, window)) {
        assertPossible(payload.type, figure);
        for (const span of placed(held.feeders, figure)) spans.push({ ...span, rank, modified });
      }
      if (spans.length > MOST_SPANS) throw new Error(`says more than ${MOST_SPANS} values in two days`);
    }
  }
  return { spans, alerts, ignored };
}

function assertPossible(payloadType: string, { kind, value }: Figure): void {
  const { least, most } = SIGNAL_LIMITS[kind];
  if (value >= least && value <= most) return;
  throw new Error(`${payloadType}: ${value} ${SIGNAL_UNITS[kind]} is not from ${least} to ${most}`);
}

/** Figures over their sub-intervals, clipped to the window: a series has no infinite end. */
function pieces(occurrence: Occurrence, figures: readonly (Figure | null)[], window: TimeSpan): (Figure & TimeSpan)[] {
  return subIntervals(occurrence, figures).flatMap(({ value: figure, startMs, endMs }) => {
    const span = { startMs: Math.max(startMs, window.startMs), endMs: Math.min(endMs, window.endMs) };
    return figure === null || span.startMs >= span.endMs ? [] : [{ ...figure, ...span }];
  });
}

/**
 * A limit holds for the feeders of the event together: each gets its share by fail-safe limit, so that their sum never
 * exceeds it. Other figures hold in the region.
 */
function placed(feeders: readonly SiteFeeder[], figure: Figure & TimeSpan): Omit<LayerSpan, 'rank' | 'modified'>[] {
  if (figure.kind !== 'import_limit') return [{ ...figure, feederId: null }];
  const totalKw = feeders.reduce((sum, { failSafeImportKw }) => sum + failSafeImportKw, 0);
  return feeders.map(({ id, failSafeImportKw }) => {
    const share = totalKw > 0 ? failSafeImportKw / totalKw : 1 / feeders.length;
    const value = figure.ofFailSafe === undefined ? figure.value * share : failSafeImportKw * figure.ofFailSafe;
    return { ...figure, value, feederId: id };
  });
}

/** Series by series, the span that counts at each instant. */
function resolved(spans: readonly LayerSpan[], site: Site, nowMs: number): SignalSpan[] {
  const bySeries = new Map<string, LayerSpan[]>();
  for (const span of spans) {
    const series = `${span.kind}/${span.feederId ?? ''}/${span.layer === 'emergency'}`;
    const known = bySeries.get(series);
    if (known) known.push(span);
    else bySeries.set(series, [span]);
  }
  return [...bySeries.values()].flatMap((series) =>
    firstCovers(series.sort(byPrecedence)).map(({ feederId, kind, layer, startMs, endMs, value }) => ({
      regionId: site.regionId,
      feederId,
      kind,
      startMs,
      endMs,
      value,
      unit: SIGNAL_UNITS[kind],
      source: layer === 'emergency' ? `${site.source}/emergency` : site.source,
      forecast: false,
      priority: site.priority,
      fetchedAtMs: nowMs,
    })),
  );
}

const LAYERS: readonly Layer[] = ['emergency', 'dynamic', 'contracted'];

function byPrecedence(a: LayerSpan, b: LayerSpan): number {
  const isLimit = a.kind === 'import_limit';
  return (
    LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) ||
    a.rank - b.rank ||
    (isLimit ? a.value - b.value : Date.parse(b.modified || '0') - Date.parse(a.modified || '0') || 0)
  );
}
