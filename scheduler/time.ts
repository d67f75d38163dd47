import { z } from 'zod';
import { MINUTE_MS } from '../domain/durations.ts';

/**
 * The slot axis of a problem: `count` half-open intervals [startMs + k·slotMinutes, startMs + (k+1)·slotMinutes) in
 * grid time. It is an axis of instants, not of wall-clock times: a night with a clock change has 92 or 100 quarter
 * hours, and whoever builds the problem expands wall-clock rules per local day before they come here.
 */
export const slotAxisSchema = z.object({
  startMs: z.number().int(),
  slotMinutes: z.number().positive().max(240),
  count: z.number().int().min(1).max(2000),
});
export type SlotAxis = z.infer<typeof slotAxisSchema>;

/** Half-open range of slots [from, until). */
export interface SlotRange {
  readonly from: number;
  readonly until: number;
}

/** Length of a slot, hours. */
export function slotHours(axis: SlotAxis): number {
  return axis.slotMinutes / 60;
}

/** Grid time, epoch milliseconds, at which slot `slot` begins; `slot` may be `count`, the end of the axis. */
export function slotStartMs(axis: SlotAxis, slot: number): number {
  return axis.startMs + slot * axis.slotMinutes * MINUTE_MS;
}

/** The slot that contains `atMs`; below 0 or at least `count` when it lies outside the axis. */
export function slotAt(axis: SlotAxis, atMs: number): number {
  return Math.floor((atMs - axis.startMs) / (axis.slotMinutes * MINUTE_MS));
}

/**
 * The slots that lie wholly inside [startMs, endMs), clipped to the axis. A slot that is only partly inside is left
 * out, because a plan for it would run outside the window.
 */
export function slotsWithin(axis: SlotAxis, startMs: number, endMs: number): SlotRange {
  const lengthMs = axis.slotMinutes * MINUTE_MS;
  const from = clampSlot(axis, Math.ceil((startMs - axis.startMs) / lengthMs));
  const until = clampSlot(axis, Math.floor((endMs - axis.startMs) / lengthMs));
  return { from, until: Math.max(from, until) };
}

/**
 * Puts half-open spans onto the axis: each slot takes the mean of the values in force, weighted by time, and null
 * where any part of it is not covered. Later spans win over earlier ones where they overlap.
 * @param spans values with epoch milliseconds, in order of rising precedence
 */
export function seriesOnAxis(
  axis: SlotAxis,
  spans: readonly { readonly startMs: number; readonly endMs: number; readonly value: number }[],
): (number | null)[] {
  const series: (number | null)[] = [];
  for (let slot = 0; slot < axis.count; slot++) {
    series.push(meanOver(spans, slotStartMs(axis, slot), slotStartMs(axis, slot + 1)));
  }
  return series;
}

function meanOver(
  spans: readonly { readonly startMs: number; readonly endMs: number; readonly value: number }[],
  startMs: number,
  endMs: number,
): number | null {
  const edges = new Set([startMs, endMs]);
  for (const span of spans) {
    if (span.startMs > startMs && span.startMs < endMs) edges.add(span.startMs);
    if (span.endMs > startMs && span.endMs < endMs) edges.add(span.endMs);
  }
  const sorted = [...edges].sort((a, b) => a - b);
  let sum = 0;
  let fromMs = startMs;
  for (const untilMs of sorted.slice(1)) {
    const at = fromMs;
    const span = spans.findLast((candidate) => candidate.startMs <= at && at < candidate.endMs);
    if (span === undefined) return null;
    sum += span.value * (untilMs - fromMs);
    fromMs = untilMs;
  }
  return sum / (endMs - startMs);
}

function clampSlot(axis: SlotAxis, slot: number): number {
  return Math.min(axis.count, Math.max(0, slot));
}
