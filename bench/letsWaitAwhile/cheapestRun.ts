import type { SlotRange } from '../../scheduler/time.ts';

/**
 * Where one load goes that may be put off but not paused, when nothing but cost decides. Work that may pause is a job
 * of `planCell`.
 * @param cost of each slot, in any one unit (EUR/kWh, gCO2/kWh, or both weighted)
 * @returns the cheapest `count` slots in a row; of equal runs the earliest, so that a tie never delays work
 * @throws RangeError when the range has fewer than `count` slots, or a slot has no cost
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

function costAt(cost: ArrayLike<number>, slot: number): number {
  const value = cost[slot];
  if (value === undefined) throw new RangeError(`No cost is known for slot ${slot}; there are ${cost.length}.`);
  return value;
}
