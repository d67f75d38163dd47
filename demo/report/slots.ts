import { HOUR_MS } from '../../domain/durations.ts';

/**
 * The slot that holds the instant, in ascending slots without gaps. Outside them the nearest one: a night that ends in
 * the middle of a slot must not lose its last price.
 */
export function slotAt<Slot extends { readonly startMs: number }>(slots: readonly Slot[], atMs: number): Slot {
  let found = slots[0];
  if (found === undefined) throw new RangeError('no slots');
  for (const slot of slots) {
    if (slot.startMs > atMs) break;
    found = slot;
  }
  return found;
}

/** Hours of [startMs, endMs) that lie within the slot. */
export function overlapHours(slotStartMs: number, slotMs: number, startMs: number, endMs: number): number {
  const overlapMs = Math.min(slotStartMs + slotMs, endMs) - Math.max(slotStartMs, startMs);
  return Math.max(0, overlapMs) / HOUR_MS;
}
