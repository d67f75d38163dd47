import { createHash } from 'node:crypto';
import { subIntervals, type Occurrence, type TimeSpan } from './timing.ts';
import type { WireReportDescriptor } from './wire.ts';

/** An interval as a report names it: by the event's own id. */
export interface ReportInterval extends TimeSpan {
  readonly id: number;
}

/** One report that a descriptor asks for. */
export interface ReportWindow {
  /** Unique among all reports of the event, and the same whenever it is worked out again. */
  readonly name: string;
  /** Grid time from which on it is to be sent. */
  readonly dueMs: number;
  readonly endMs: number;
  readonly intervals: readonly ReportInterval[];
}

export interface ReportRequest {
  readonly eventId: string;
  readonly descriptor: WireReportDescriptor;
  /** Its place among the event's descriptors. */
  readonly index: number;
  /** All intervals up to now and the next ones, from the event's start; empty for a report request without any. */
  readonly occurrences: readonly Occurrence[];
  /** How many intervals the event has in all; infinite for one without an end. */
  readonly total: number;
  readonly firstSeenMs: number;
  readonly nowMs: number;
  readonly slotMs: number;
}

/**
 * The reports that a descriptor asks for and that are due by now, or next.
 *
 * `startInterval` is the position of the first interval of the first window, -1 for the windows that end with the last
 * one; each window has `numIntervals` and begins `frequency` intervals after the one before. A window is sent at its
 * end, a forecast at its start. Windows that were over when the event was first seen are sent as one.
 */
export function reportWindows(request: ReportRequest): ReportWindow[] {
  const { eventId, descriptor, index, firstSeenMs, nowMs } = request;
  const digest = createHash('sha256').update(JSON.stringify(descriptor)).digest('hex').slice(0, 8);
  const prefix = `${eventId}/${descriptor.payloadType}/${index}-${digest}`;
  if (request.occurrences.length === 0 || descriptor.frequency === 0) return [adHoc(prefix, request)];
  const windows: ReportWindow[] = [];
  const known = request.occurrences[0]?.position ?? 0;
  for (const { first, count } of positions(request)) {
    // Longer ago than is looked back at.
    if (first < known) continue;
    const within = request.occurrences.filter(({ position }) => position >= first && position < first + count);
    const start = within[0];
    const end = within.at(-1);
    if (!start || !end || start.position !== first) break;
    const dueMs = descriptor.historical ? end.endMs : start.startMs;
    // The end of the window is not laid out yet: it lies after now.
    if (end.position < first + count - 1) break;
    windows.push({ name: `${prefix}/${first}`, dueMs, endMs: end.endMs, intervals: laidOut(within, request) });
    if (dueMs > nowMs) break;
  }
  if (descriptor.historical) return caughtUp(windows, firstSeenMs);
  // A forecast that a newer one has overtaken tells nobody anything: the newest that is due, and the next.
  const newest = windows.findLastIndex(({ dueMs }) => dueMs <= nowMs);
  return windows.slice(Math.max(0, newest));
}

function positions({ descriptor, total, occurrences, slotMs }: ReportRequest): { first: number; count: number }[] {
  const { startInterval, numIntervals, repeat } = descriptor;
  const known = Number.isFinite(total) ? total : (occurrences.at(-1)?.position ?? 0) + 1;
  const isWhole = numIntervals <= 0;
  const count = isWhole ? (repeat === 1 ? total : 1) : numIntervals;
  const first = startInterval >= 0 ? startInterval : repeat === 1 && !isWhole ? Math.max(0, total - count) : 0;
  const step = stepOf(descriptor, count, occurrences[0], slotMs);
  const most = repeat < 0 ? known : repeat;
  const found: { first: number; count: number }[] = [];
  for (let turn = 0; turn < most && first + turn * step < known; turn++) {
    const from = first + turn * step;
    found.push({ first: from, count: Math.min(count, total - from) });
  }
  return found;
}

/** Intervals between windows; a server that writes a duration means as many intervals as it holds. */
function stepOf(
  descriptor: WireReportDescriptor,
  count: number,
  first: Occurrence | undefined,
  slotMs: number,
): number {
  const { frequency } = descriptor;
  if (typeof frequency === 'number') return frequency > 0 ? frequency : Math.max(1, count);
  if (frequency === 'infinite' || !first) return Number.POSITIVE_INFINITY;
  const lengthMs = Number.isFinite(first.endMs) ? first.endMs - first.startMs : slotMs;
  return Math.max(1, Math.round(frequency.toMillis() / lengthMs));
}

/** Asked for now: the last whole meter slot. The interval is ours, since the event names none. */
function adHoc(prefix: string, { firstSeenMs, slotMs }: ReportRequest): ReportWindow {
  const endMs = Math.floor(firstSeenMs / slotMs) * slotMs;
  return { name: `${prefix}/now`, dueMs: firstSeenMs, endMs, intervals: [{ id: 0, startMs: endMs - slotMs, endMs }] };
}

function laidOut(occurrences: readonly Occurrence[], { descriptor, slotMs }: ReportRequest): ReportInterval[] {
  if (descriptor.reportIntervals === 'INTERVALS') {
    return occurrences.map(({ intervalId: id, startMs, endMs }) => ({ id, startMs, endMs }));
  }
  if (descriptor.reportIntervals === 'SUB_INTERVALS') {
    return occurrences.flatMap((occurrence) => {
      const most = Math.max(1, ...occurrence.payloads.map(({ values }) => values.length));
      const pieces = subIntervals(
        occurrence,
        Array.from({ length: most }, (_, index) => index),
      );
      return pieces.map(({ startMs, endMs }) => ({ id: occurrence.intervalId, startMs, endMs }));
    });
  }
  const startMs = occurrences[0]?.startMs ?? 0;
  const endMs = occurrences.at(-1)?.endMs ?? startMs;
  const pieces = Math.max(1, Math.ceil((endMs - startMs) / slotMs));
  return Array.from({ length: pieces }, (_, id) => ({
    id,
    startMs: startMs + id * slotMs,
    endMs: Math.min(endMs, startMs + (id + 1) * slotMs),
  }));
}

function caughtUp(windows: readonly ReportWindow[], firstSeenMs: number): ReportWindow[] {
  const missed = windows.filter(({ endMs, dueMs }) => dueMs <= firstSeenMs && endMs <= firstSeenMs);
  const last = missed.at(-1);
  if (missed.length < 2 || !last) return [...windows];
  const byStart = new Map(missed.flatMap(({ intervals }) => intervals).map((interval) => [interval.startMs, interval]));
  const together = { ...last, name: `${last.name}-late`, intervals: [...byStart.values()] };
  return [together, ...windows.slice(missed.length)];
}
