import type { SignalSpan } from '../../store/signals.ts';

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
