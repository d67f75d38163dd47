import type { TimeSpan } from './timing.ts';

/** Energy by meter slot: start of the slot, epoch milliseconds, to kWh. A slot that is not there has none. */
export type SlotEnergy = ReadonlyMap<number, number>;

/** Starts of the slots that touch the span, ascending. */
export function slotsTouching({ startMs, endMs }: TimeSpan, slotMs: number): number[] {
  const firstMs = Math.floor(startMs / slotMs) * slotMs;
  return Array.from(
    { length: Math.max(0, Math.ceil((endMs - firstMs) / slotMs)) },
    (_, index) => firstMs + index * slotMs,
  );
}

/** Energy within the span; a slot that lies in it only in part gives its share by time. */
export function energyWithin(energy: SlotEnergy, span: TimeSpan, slotMs: number): number {
  return slotsTouching(span, slotMs).reduce((sum, slotStartMs) => {
    const overlapMs = Math.min(span.endMs, slotStartMs + slotMs) - Math.max(span.startMs, slotStartMs);
    return sum + ((energy.get(slotStartMs) ?? 0) * overlapMs) / slotMs;
  }, 0);
}

/** Whether the span is made of whole slots, so that its energy is read and not estimated. */
export function isWhole({ startMs, endMs }: TimeSpan, slotMs: number): boolean {
  return startMs % slotMs === 0 && endMs % slotMs === 0;
}

export function sumOf(energies: readonly SlotEnergy[]): SlotEnergy {
  const sum = new Map<number, number>();
  for (const energy of energies) for (const [slot, kwh] of energy) sum.set(slot, (sum.get(slot) ?? 0) + kwh);
  return sum;
}
