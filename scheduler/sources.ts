/** A value that a source says; several sources may speak of the same time. */
import { HOUR_MS } from '../domain/durations.ts';
export interface SourcedSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly source: string;
  /** The lowest counts; 100 when left out. */
  readonly priority?: number;
  /** Grid time of the reading. */
  readonly fetchedAtMs: number;
}

/** First part of a source's name where a thing is said once and holds until it is revised, so that its age says nothing. */
export const EMERGENCY_SOURCE = 'emergency';
export const PUSH_SOURCE = 'push';
export const UTILITY_SOURCE = 'openadr';
const SAID_ONCE: readonly (string | undefined)[] = [EMERGENCY_SOURCE, PUSH_SOURCE, UTILITY_SOURCE];

/** A polled source that has been silent for longer is stale: planning goes on, and says so. */
export const STALE_AFTER_HOURS = 2;
const DEFAULT_PRIORITY = 100;

/**
 * Puts what several sources say in order of rising precedence, as `seriesOnAxis` takes it: stale sources first, then
 * by priority, then by reading time. So a fresh source stands in for a better one that has gone silent.
 * @param spans of one kind and place
 */
export function rankSources<Span extends SourcedSpan>(spans: readonly Span[], nowMs: number): Span[] {
  const stale = staleSources(spans, nowMs);
  const rank = (span: Span): number => span.priority ?? DEFAULT_PRIORITY;
  return [...spans].sort(
    (a, b) =>
      Number(stale.has(b.source)) - Number(stale.has(a.source)) ||
      rank(b) - rank(a) ||
      a.fetchedAtMs - b.fetchedAtMs ||
      a.source.localeCompare(b.source),
  );
}

/** Polled sources that were last read more than two hours before the given grid time, with that age in hours. */
export function staleSources(spans: readonly SourcedSpan[], nowMs: number): Map<string, number> {
  const lastReadMs = new Map<string, number>();
  for (const { source, fetchedAtMs } of spans) {
    const [first] = source.split('/');
    if (SAID_ONCE.includes(first)) continue;
    lastReadMs.set(source, Math.max(fetchedAtMs, lastReadMs.get(source) ?? fetchedAtMs));
  }
  const ages = [...lastReadMs].map(([source, atMs]) => [source, (nowMs - atMs) / HOUR_MS] as const);
  return new Map(ages.filter(([, hours]) => hours > STALE_AFTER_HOURS));
}

/** Average intensity where any is known, else marginal: one kind for all, since the two must never be mixed. */
export function carbonKind(spans: readonly { readonly kind: string }[]): 'carbon' | 'marginal_carbon' {
  const has = (wanted: string): boolean => spans.some(({ kind }) => kind === wanted);
  return !has('carbon') && has('marginal_carbon') ? 'marginal_carbon' : 'carbon';
}
