import { createHash } from 'node:crypto';
import type { WireEvent, WireInterval, WirePayload } from './wire.ts';
import { addDuration, isZero } from './wireTime.ts';

/** One interval of an event on the time line, half-open, grid time. An end may be infinite. */
export interface Occurrence {
  readonly intervalId: number;
  /** Counts on through every repetition of a looping event. */
  readonly position: number;
  readonly startMs: number;
  readonly endMs: number;
  /** Where it would end if the event's duration did not cut it: what values within it are laid out over. */
  readonly fullEndMs: number;
  readonly payloads: readonly WirePayload[];
}

export interface TimeSpan {
  readonly startMs: number;
  readonly endMs: number;
}

interface Placed extends TimeSpan {
  readonly interval: WireInterval;
}

/** More than this in one window would be a loop of seconds, which no plan can follow. */
const MAX_OCCURRENCES = 20_000;

/**
 * The occurrences of an event that touch the window, in order.
 *
 *     event.duration |-----------------------------)      longer than the intervals: they loop; the last is cut
 *     intervals      |--7--|----9----|--7--|----9--)
 *
 * @param anchorMs grid time at which this version of the event was first received: what its "now" means
 * @param seed with the event's id, decides the random shift of its start
 * @throws Error in words when the event has no place in time
 */
export function occurrencesOf(event: WireEvent, anchorMs: number, seed: string, window: TimeSpan): Occurrence[] {
  const placed = shifted(event, placedIntervals(event, anchorMs), seed);
  const first = placed[0];
  const last = placed.at(-1);
  if (!first || !last) return [];
  const cycleMs = last.endMs - first.startMs;
  if (cycleMs <= 0) return [];
  const limited = event.duration && !isZero(event.duration) ? event.duration : undefined;
  const eventEndMs = limited ? addDuration(first.startMs, limited) : last.endMs;
  const cycles = Number.isFinite(cycleMs) ? Math.ceil((eventEndMs - first.startMs) / cycleMs) : 1;
  const firstCycle = Number.isFinite(cycleMs) ? Math.max(0, Math.floor((window.startMs - first.startMs) / cycleMs)) : 0;
  const found: Occurrence[] = [];
  for (let cycle = firstCycle; cycle < cycles; cycle++) {
    const offsetMs = cycle === 0 ? 0 : cycle * cycleMs;
    if (first.startMs + offsetMs >= window.endMs) break;
    for (const [index, { interval, startMs, endMs }] of placed.entries()) {
      const fromMs = startMs + offsetMs;
      const untilMs = Math.min(endMs + offsetMs, eventEndMs);
      if (fromMs >= untilMs || fromMs >= window.endMs || untilMs <= window.startMs) continue;
      if (found.length >= MAX_OCCURRENCES) throw new Error(`has more than ${MAX_OCCURRENCES} intervals at once`);
      found.push({
        intervalId: interval.id,
        position: cycle * placed.length + index,
        startMs: fromMs,
        endMs: untilMs,
        fullEndMs: endMs + offsetMs,
        payloads: interval.payloads,
      });
    }
  }
  return found;
}

/**
 * Whether an event is in the form that cancels it (User Guide 7.9): from now on, for no time. A server may fill in a
 * duration that was left out with this default of the schema, so that it is a cancellation only as an update that brings
 * it in; an event that has it from the start is held, since a limit that is lost is worse than one too many.
 */
export function hasCancelledForm({ intervalPeriod, duration, intervals }: WireEvent): boolean {
  const isNow =
    intervalPeriod.start === 'now' && intervals.every(({ intervalPeriod: own }) => typeof own.start !== 'number');
  return isNow && duration !== undefined && isZero(duration);
}

/** How many occurrences an event has in all; infinite for one without an end. */
export function occurrencesIn(event: WireEvent, anchorMs: number, seed: string): number {
  const placed = shifted(event, placedIntervals(event, anchorMs), seed);
  const span = spanOf(event, anchorMs, seed);
  const last = placed.at(-1);
  if (!span || !last) return 0;
  const cycleMs = last.endMs - span.startMs;
  const begunIn = (offsetMs: number): number =>
    placed.findLastIndex(({ startMs, endMs }) => startMs < endMs && startMs + offsetMs < span.endMs) + 1;
  if (!Number.isFinite(cycleMs)) return begunIn(0);
  if (!Number.isFinite(span.endMs)) return Number.POSITIVE_INFINITY;
  const cycles = Math.floor((span.endMs - span.startMs) / cycleMs);
  return cycles * placed.length + begunIn(cycles * cycleMs);
}

/** From the first start to the last end; undefined for an event that takes no time. The end may be infinite. */
export function spanOf(event: WireEvent, anchorMs: number, seed: string): TimeSpan | undefined {
  const placed = shifted(event, placedIntervals(event, anchorMs), seed);
  const startMs = placed[0]?.startMs;
  const lastEndMs = placed.at(-1)?.endMs;
  if (startMs === undefined || lastEndMs === undefined || lastEndMs <= startMs) return undefined;
  const limited = event.duration && !isZero(event.duration) ? event.duration : undefined;
  return { startMs, endMs: limited ? addDuration(startMs, limited) : lastEndMs };
}

/** `n` values of one payload are `n` equal pieces of its interval; the bounds never drift. */
export function subIntervals<Value>(occurrence: Occurrence, values: readonly Value[]): (TimeSpan & { value: Value })[] {
  const { startMs, endMs, fullEndMs } = occurrence;
  const [only] = values;
  if (only === undefined) return [];
  if (values.length === 1) return [{ startMs, endMs, value: only }];
  const totalMs = fullEndMs - startMs;
  if (!Number.isFinite(totalMs)) throw new Error(`interval ${occurrence.intervalId} has no end to divide`);
  return values
    .map((value, index) => ({
      startMs: Math.round(startMs + (totalMs * index) / values.length),
      endMs: Math.min(endMs, Math.round(startMs + (totalMs * (index + 1)) / values.length)),
      value,
    }))
    .filter((piece) => piece.startMs < piece.endMs);
}

/**
 * Each interval's period overrides the event's field by field. Without a start it follows the one before; without a
 * duration it lasts to the next stated start, else to the event's end, else for ever. PT0S is zero.
 */
function placedIntervals(event: WireEvent, anchorMs: number): Placed[] {
  const placed: Placed[] = [];
  const { intervals, intervalPeriod: common } = event;
  let previousEndMs: number | undefined;
  for (const [index, interval] of intervals.entries()) {
    const { start: stated = index === 0 ? common.start : undefined } = interval.intervalPeriod;
    const startMs: number | undefined =
      typeof stated === 'number' ? stated : (previousEndMs ?? startOf(stated, anchorMs));
    if (startMs === undefined) throw new Error('intervalPeriod.start: is missing, so nobody knows when it begins');
    if (startMs === Number.POSITIVE_INFINITY) throw new Error(`interval ${interval.id} follows one without an end`);
    const length = interval.intervalPeriod.duration ?? common.duration;
    const endMs: number = length ? addDuration(startMs, length) : openEnd(event, placed[0]?.startMs ?? startMs, index);
    placed.push({ interval, startMs, endMs });
    previousEndMs = endMs;
  }
  return placed.sort((a, b) => a.startMs - b.startMs);
}

function startOf(stated: number | 'now' | undefined, anchorMs: number): number | undefined {
  return stated === 'now' ? anchorMs : stated;
}

function openEnd({ intervals, duration }: WireEvent, eventStartMs: number, index: number): number {
  const next = intervals[index + 1]?.intervalPeriod.start;
  if (typeof next === 'number') return next;
  return duration && !isZero(duration) ? addDuration(eventStartMs, duration) : Number.POSITIVE_INFINITY;
}

/**
 * Moves starts by their random share. An interval without a range of its own moves with the one before. Intervals that
 * met still meet, so that a limit has no gap, and none begins before the one before it.
 */
function shifted(event: WireEvent, placed: readonly Placed[], seed: string): Placed[] {
  let shiftMs = 0;
  let movedStartMs = Number.NEGATIVE_INFINITY;
  const starts = placed.map(({ interval, startMs }, index) => {
    const range =
      interval.intervalPeriod.randomizeStart ?? (index === 0 ? event.intervalPeriod.randomizeStart : undefined);
    if (range && range !== 'infinite') {
      shiftMs = Math.round((2 * uniform(`${seed}/${event.id}/${index}`) - 1) * range.toMillis());
    }
    movedStartMs = Math.max(movedStartMs, startMs + shiftMs);
    return movedStartMs;
  });
  return placed.map(({ interval, startMs, endMs }, index) => {
    const movedMs = starts[index] ?? startMs;
    const next = placed[index + 1];
    const nextMs = starts[index + 1];
    const movedEndMs = endMs + (movedMs - startMs);
    if (!next || nextMs === undefined) return { interval, startMs: movedMs, endMs: movedEndMs };
    const met = endMs >= next.startMs;
    return { interval, startMs: movedMs, endMs: met ? nextMs : Math.min(nextMs, movedEndMs) };
  });
}

/** A number in [0, 1) that depends only on the text. */
function uniform(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
