import { firstCovers } from '../../../scheduler/firstCovers.ts';
import { SIGNAL_LIMITS, SIGNAL_UNITS, type SignalKind, type TimeWindow } from '../../../store/signals.ts';
import type { GridFeed } from './feed.ts';
import { unusable } from './feedError.ts';

/** What a source says about the half-open span [startMs, endMs), in the unit of its kind. */
export interface Reading {
  readonly startMs: number;
  readonly endMs: number;
  readonly value: number;
  readonly forecast: boolean;
  readonly estimated?: boolean;
}

/** One adapter: it knows its source's form, and nothing of regions and ranks. */
export interface FeedReader {
  readonly kind: SignalKind;
  /** Readings that overlap the window; where they overlap each other, the first counts. @throws FeedError */
  read(window: TimeWindow): Promise<Reading[]>;
}

export interface FeedPlace {
  readonly regionId: string;
  /** Name of the series: what another source says stays beside it. */
  readonly source: string;
  readonly priority: number;
}

/** Makes a feed of an adapter. */
export function feedOf({ regionId, source, priority }: FeedPlace, reader: FeedReader): GridFeed {
  return {
    name: source,
    async read(window, nowMs) {
      const readings = await reader.read(window);
      const usable = readings.filter(
        ({ startMs, endMs, value }) =>
          startMs < endMs && startMs < window.endMs && endMs > window.startMs && Number.isFinite(value),
      );
      const { least, most } = SIGNAL_LIMITS[reader.kind];
      const wild = usable.find(({ value }) => value < least || value > most);
      if (wild) {
        throw unusable(`says ${wild.value} ${SIGNAL_UNITS[reader.kind]}, which is not from ${least} to ${most}`);
      }
      return firstCovers(usable).map(({ startMs, endMs, value, forecast, estimated = false }) => ({
        regionId,
        feederId: null,
        kind: reader.kind,
        startMs,
        endMs,
        value,
        unit: SIGNAL_UNITS[reader.kind],
        source,
        forecast,
        estimated,
        priority,
        fetchedAtMs: nowMs,
      }));
    },
  };
}

/**
 * Readings of a source that gives only starts. Each lasts to the next start, but no longer than the series' step: a
 * start that is left out is a gap, and so is one without a value.
 */
export function readingsFromStarts(
  points: readonly { readonly startMs: number; readonly value: number | null; readonly estimated?: boolean }[],
  forecast: boolean,
  stepMs: number,
): Reading[] {
  const sorted = [...points].sort((a, b) => a.startMs - b.startMs);
  return sorted.flatMap(({ startMs, value, estimated = false }, index) => {
    if (value === null) return [];
    const next = sorted[index + 1]?.startMs ?? Number.POSITIVE_INFINITY;
    return [{ startMs, endMs: Math.min(next, startMs + stepMs), value, forecast, estimated }];
  });
}

/** The smallest distance of two starts; `otherwiseMs` when there are not two. */
export function stepOf(startsMs: readonly number[], otherwiseMs: number): number {
  const sorted = [...startsMs].sort((a, b) => a - b);
  const steps = sorted.slice(1).map((startMs, index) => startMs - (sorted[index] ?? startMs));
  return Math.min(...steps.filter((stepMs) => stepMs > 0), otherwiseMs);
}
