import type { HeldEvent } from './heldEvent.ts';
import { occurrencesOf, type Occurrence } from './timing.ts';
import type { WireReportDescriptor } from './wire.ts';
import { isZero } from './wireTime.ts';

/** Of a rolling report of minutes: more intervals than this are not laid out. */
const MAX_REACH_INTERVALS = 1_000;

/**
 * The intervals of an event that names none but asks for reports on such (User Guide 8.7): as long as its period and one
 * after the other, as many as the descriptor needs. Their ids are ours.
 * @param fromMs grid time before which nothing is reported any more
 */
export function impliedOccurrences(
  { event, anchorMs, seed }: HeldEvent,
  descriptor: WireReportDescriptor,
  fromMs: number,
  nowMs: number,
): { readonly occurrences: readonly Occurrence[]; readonly total: number } {
  const { start, duration } = event.intervalPeriod;
  if (start === undefined || duration === undefined || duration === 'infinite' || isZero(duration)) {
    return { occurrences: [], total: 0 };
  }
  const { startInterval, numIntervals, repeat, frequency } = descriptor;
  const count = Math.max(1, numIntervals);
  const step = typeof frequency === 'number' && frequency > 0 ? frequency : count;
  const total = repeat < 0 ? Number.POSITIVE_INFINITY : Math.max(0, startInterval) + (repeat - 1) * step + count;
  const reachMs = Math.min(count + step, MAX_REACH_INTERVALS) * duration.toMillis();
  // The event as it would be with its intervals written out: one, that loops.
  const implied = {
    ...event,
    duration: event.duration && !isZero(event.duration) ? event.duration : ('infinite' as const),
    intervals: [{ id: 0, intervalPeriod: {}, payloads: [] }],
  };
  const window = { startMs: fromMs, endMs: nowMs + reachMs };
  const occurrences = occurrencesOf(implied, anchorMs, seed, window)
    .filter(({ position }) => position < total)
    .map((occurrence) => ({ ...occurrence, intervalId: occurrence.position }));
  return { occurrences, total };
}
