import type { SlotRange } from './time.ts';

/**
 * Where one deferrable load goes when nothing but cost decides: no shared limit binds, so each takes its own cheapest
 * slots. Costs are per slot in any one unit (EUR/kWh, gCO2/kWh, or both weighted).
 */

/**
 * The cheapest `count` slots of a range, for work that may pause; all of them when the range is shorter.
 * @returns slot indices, ascending; of equal slots the earlier, so that a tie never delays work
 */
export function cheapestSlots(cost: ArrayLike<number>, range: SlotRange, count: number): number[] {
  const slots = Array.from({ length: range.until - range.from }, (_, k) => range.from + k);
  const ranked = slots.sort((a, b) => costAt(cost, a) - costAt(cost, b) || a - b);
  return ranked.slice(0, Math.max(0, count)).sort((a, b) => a - b);
}

/**
 * The cheapest `count` slots in a row, for work that may not pause; the earliest of equal runs.
 * @throws RangeError when the range has fewer than `count` slots
 */
export function cheapestRun(cost: ArrayLike<number>, range: SlotRange, count: number): SlotRange {
  const last = range.until - count;
  if (last < range.from) {
    throw new RangeError(`A run of ${count} slots does not fit into the slots [${range.from}, ${range.until}).`);
  }
  let best = range.from;
  let bestDifference = 0;
  // Cost less that of the first run: a sliding total would carry the rounding of every slot that it has left behind.
  let difference = 0;
  for (let from = range.from + 1; from <= last; from++) {
    difference += costAt(cost, from + count - 1) - costAt(cost, from - 1);
    if (difference < bestDifference) {
      best = from;
      bestDifference = difference;
    }
  }
  return { from: best, until: best + count };
}

/** Sum of the costs of some slots. */
export function totalCost(cost: ArrayLike<number>, slots: Iterable<number>): number {
  let total = 0;
  for (const slot of slots) total += costAt(cost, slot);
  return total;
}

/** The slots of a range, one by one. */
export function* slotsOf(range: SlotRange): Generator<number> {
  for (let slot = range.from; slot < range.until; slot++) yield slot;
}

function costAt(cost: ArrayLike<number>, slot: number): number {
  const value = cost[slot];
  if (value === undefined) throw new RangeError(`No cost is known for slot ${slot}; there are ${cost.length}.`);
  return value;
}
