import { messageOf } from '../../../domain/thrown.ts';
import { firstCovers } from '../../../scheduler/firstCovers.ts';
import { SIGNAL_UNITS, type SignalKind, type SignalSpan } from '../../../store/signals.ts';
import type { HeldEvent, SiteFeeder } from './heldEvent.ts';
import {
  ALERT_PREFIX,
  isSilent,
  limitKwOf,
  readPayload,
  type Figure,
  type Layer,
  type Reading,
  type Refusal,
} from './payloads.ts';
import { occurrencesOf, subIntervals, type Occurrence, type TimeSpan } from './timing.ts';

/** Of one event: more than a value a minute for each of some feeders is no plan. */
const MAX_SPANS = 50_000;

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

/** What is not followed of an event: all of it, for `refused`, or single payloads, each with its reason. */
export interface Refusals {
  readonly refused: string | null;
  readonly refusedPayloads: readonly string[];
}

/** What the events say about the region within a window. */
export interface Meaning {
  readonly spans: readonly SignalSpan[];
  readonly alerts: readonly Alert[];
  /** Of events that are not, or not wholly, followed; the others are. */
  readonly refusals: ReadonlyMap<string, Refusals>;
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
 * is stated, the tightest series holds. A payload that cannot be followed takes no other with it, and what it would
 * have replaced stays in force: a mistake must not free anybody from a limit.
 * @param nowMs grid time, kept as the revision
 */
export function meaningOf(events: readonly HeldEvent[], site: Site, window: TimeSpan, nowMs: number): Meaning {
  const spans: LayerSpan[] = [];
  const alerts: Alert[] = [];
  const refusals = new Map<string, Refusals>();
  const ignored = new Set<string>();
  for (const held of events) {
    const { read, lost, ...refusal } = attempted(held, site, window);
    if (refusal.refused !== null || refusal.refusedPayloads.length > 0) refusals.set(held.event.id, refusal);
    for (const span of read.spans) spans.push(span);
    alerts.push(...read.alerts);
    for (const type of read.ignored) ignored.add(type);
    if (!held.before || lost === NOTHING) continue;
    const before = attempted(held.before, site, window).read;
    for (const span of before.spans) if (lost === EVERYTHING || lost.has(span.kind)) spans.push(span);
  }
  return {
    spans: resolved(spans, site, nowMs),
    alerts,
    refusals,
    ignored: [...ignored].sort(),
  };
}

/** Kinds of signals of which an event has said something that cannot be followed. */
type Lost = ReadonlySet<SignalKind> | typeof EVERYTHING;
const EVERYTHING = 'everything';
const NOTHING: ReadonlySet<SignalKind> = new Set();

/** What can be followed of an event, and what cannot. */
function attempted(held: HeldEvent, site: Site, window: TimeSpan): Refusals & { read: EventMeaning; lost: Lost } {
  try {
    const read = eventMeaning(held, site, window);
    const { refusals, isAnyFollowed } = payloadRefusals(held, site);
    const all = [...refusals, ...read.refusals];
    const problems = [...new Set(all.map(({ problem }) => problem))].slice(0, MAX_PROBLEMS);
    const [first = null] = problems;
    const refused = isAnyFollowed ? null : first;
    const lost = all.length === 0 ? NOTHING : new Set(all.map(({ kind }) => kind));
    return { read, refused, refusedPayloads: refused === null ? problems : [], lost };
  } catch (error) {
    const read = { spans: [], alerts: [], ignored: [], refusals: [] };
    return { read, refused: messageOf(error), refusedPayloads: [], lost: EVERYTHING };
  }
}

/** What of an event's payloads cannot be followed, whenever it is to hold: it is told before its time comes. */
function payloadRefusals(held: HeldEvent, { eurPer }: Site) {
  const readings = held.event.intervals.flatMap(({ payloads }) =>
    payloads.flatMap((payload) => readPayload(held, payload, eurPer) ?? [null]),
  );
  const refusals = readings.filter((reading) => isRefusal(reading));
  return { refusals, isAnyFollowed: refusals.length < readings.length };
}

function isRefusal(reading: Reading): reading is Refusal {
  return reading !== null && 'problem' in reading;
}

/** More reasons than that say nothing new. */
const MAX_PROBLEMS = 10;

interface EventMeaning {
  readonly spans: readonly LayerSpan[];
  readonly alerts: readonly Alert[];
  readonly ignored: readonly string[];
  readonly refusals: readonly Refusal[];
}

/** @throws Error in words when the event has no place in time, or too many values */
function eventMeaning(held: HeldEvent, site: Site, window: TimeSpan): EventMeaning {
  const spans: LayerSpan[] = [];
  const alerts: Alert[] = [];
  const ignored: string[] = [];
  const refusals: Refusal[] = [];
  const { event } = held;
  const rank = event.priority ?? Number.MAX_SAFE_INTEGER;
  const modified = event.modificationDateTime ?? '';
  for (const occurrence of occurrencesOf(event, held.anchorMs, held.seed, window)) {
    for (const payload of occurrence.payloads) {
      if (payload.type.startsWith(ALERT_PREFIX)) {
        const { startMs, endMs } = occurrence;
        const [said] = payload.values;
        const message = (typeof said === 'string' ? said : JSON.stringify(said ?? '')).slice(0, 500);
        alerts.push({ eventId: event.id, type: payload.type, message, startMs, endMs });
      }
      const readings = readPayload(held, payload, site.eurPer);
      if (readings === undefined) {
        if (!payload.type.startsWith(ALERT_PREFIX) && !isSilent(payload.type)) ignored.push(payload.type);
        continue;
      }
      const [first] = readings;
      if (first && readings.length > 1 && occurrence.fullEndMs === Number.POSITIVE_INFINITY) {
        const problem = `${payload.type}: interval ${occurrence.intervalId} has no end to divide among its values`;
        refusals.push({ kind: first.kind, problem });
        continue;
      }
      const figures = readings.map((reading) => (isRefusal(reading) ? null : reading));
      for (const figure of pieces(occurrence, figures, window)) {
        for (const span of placed(held.feeders, figure)) spans.push({ ...span, rank, modified });
      }
      if (spans.length > MAX_SPANS) throw new Error(`says more than ${MAX_SPANS} values in two days`);
    }
  }
  return { spans, alerts, ignored, refusals };
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
  return feeders.map((feeder) => {
    const share = totalKw > 0 ? feeder.failSafeImportKw / totalKw : 1 / feeders.length;
    return { ...figure, value: limitKwOf(figure, feeder, share), feederId: feeder.id };
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
    inForce(series).map(({ feederId, kind, layer, startMs, endMs, value }) => ({
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

/** Of one series: what is dispatched, and where nothing is, what is contracted. */
function inForce(series: readonly LayerSpan[]): LayerSpan[] {
  const of = (...layers: readonly Layer[]): LayerSpan[] =>
    firstCovers(series.filter(({ layer }) => layers.includes(layer)).toSorted(byPrecedence));
  return firstCovers([...of('emergency', 'dynamic'), ...contracted(of('subscription'), of('reservation'))]);
}

/** What is reserved is reserved beyond the subscription. Either alone is all that is known to be allowed. */
function contracted(subscriptions: readonly LayerSpan[], reservations: readonly LayerSpan[]): LayerSpan[] {
  const both = subscriptions.flatMap((subscription) =>
    reservations.flatMap((reservation) => {
      const startMs = Math.max(subscription.startMs, reservation.startMs);
      const endMs = Math.min(subscription.endMs, reservation.endMs);
      if (startMs >= endMs) return [];
      return [{ ...subscription, startMs, endMs, value: subscription.value + reservation.value }];
    }),
  );
  return firstCovers([...both, ...subscriptions, ...reservations]);
}

function byPrecedence(a: LayerSpan, b: LayerSpan): number {
  const isLimit = a.kind === 'import_limit';
  return (
    a.rank - b.rank ||
    (isLimit ? a.value - b.value : Date.parse(b.modified || '0') - Date.parse(a.modified || '0') || 0)
  );
}
