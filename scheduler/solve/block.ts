// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { cheapestFirst } from './cheapestFirst.ts';

/**
 * Cars and gates that share limits: one feeder's, or those of all feeders behind one substation. A *hub* is a limit in
 * one slot. What cars and gates draw flows into a feeder's hub and leaves by its exit: to a substation's hub, or to the
 * root, which stands for the grid. Flows are whole quanta held in doubles, so that ratio tests are exact; prices and
 * costs are EUR per kWh.
 */
export interface Block {
  readonly hubs: number;
  /** Where a hub's exit leads: another hub, or `hubs` for the root. */
  readonly exitTo: Int32Array;
  readonly exitCapacity: Float64Array;
  readonly cars: number;
  /** First cell of each car, and behind the last: a car's cells are neighbouring slots. */
  readonly cellStart: Int32Array;
  /** Hub of a car's first cell; the others follow one by one. */
  readonly firstHub: Int32Array;
  readonly need: Float64Array;
  readonly cellCapacity: Float64Array;
  readonly cellCost: Float64Array;
  /** Gates: what may be drawn for compute, beside charging. */
  readonly gateHub: Int32Array;
  readonly gateCapacity: Float64Array;
  /** Per kWh of a car's need that is left out; above every other cost. */
  readonly unservedCost: number;
}

/** Stands for a car's unserved need where a cell is expected. */
export const UNSERVED = -1;

interface Placed {
  readonly cellFlow: Float64Array;
  readonly unserved: Float64Array;
  /** The last cell that each car takes, or `UNSERVED`. */
  readonly key: Int32Array;
  readonly gateFlow: Float64Array;
}

/**
 * Every car in its cheapest cells at the given prices of hubs, and gates that are worth more than them open, whatever
 * exits carry.
 * @param into flows of 0 and keys, which are filled in
 * @returns load by hub, without what comes from other hubs
 */
export function placeCheapest(
  block: Block,
  gateValue: Float64Array,
  startPrice: Float64Array,
  into: Placed,
): Float64Array {
  const { cars, cellStart, firstHub, need, cellCapacity, cellCost, gateHub, gateCapacity, unservedCost } = block;
  const load = new Float64Array(block.hubs + 1);
  const longest = cellStart.reduce((most, start, car) => Math.max(most, start - (cellStart[car - 1] ?? 0)), 0);
  const price = new Float64Array(longest);
  const order = new Int32Array(longest);
  for (let car = 0; car < cars; car++) {
    let left = need[car]!;
    if (left <= 0) continue;
    const first = cellStart[car]!;
    const count = cellStart[car + 1]! - first;
    const hub = firstHub[car]!;
    for (let k = 0; k < count; k++) price[k] = cellCost[first + k]! + startPrice[hub + k]!;
    cheapestFirst(price, count, order);
    for (let r = 0; r < count && left > 0; r++) {
      const k = order[r]!;
      const flow = Math.min(left, cellCapacity[first + k]!);
      if (flow <= 0) continue;
      if (price[k]! >= unservedCost) break;
      into.cellFlow[first + k] = flow;
      into.key[car] = first + k;
      load[hub + k]! += flow;
      left -= flow;
    }
    if (left > 0) into.key[car] = UNSERVED;
    into.unserved[car] = left;
  }
  for (let gate = 0; gate < gateHub.length; gate++) {
    if (gateValue[gate]! <= startPrice[gateHub[gate]!]!) continue;
    into.gateFlow[gate] = gateCapacity[gate]!;
    load[gateHub[gate]!]! += gateCapacity[gate]!;
  }
  return load;
}
