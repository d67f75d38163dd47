// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { UNSERVED } from './block.ts';
import { ArcList, CELL, EXCESS, EXIT, GATE } from './arcs.ts';
import type { FlowBasis } from './flowBasis.ts';

/** Cars with a cheaper cell on a list. */
const CARS_LISTED = 32;

/** Which arcs would lower the cost: a list of some, made anew when it is used up, so that not all cars are priced for a pivot. */
export class CheaperArcs {
  readonly list: ArcList;
  readonly #basis: FlowBasis;
  #nextCar = 0;

  constructor(basis: FlowBasis) {
    const { hubs, gateHub } = basis.block;
    this.#basis = basis;
    this.list = new ArcList(2 * hubs + gateHub.length + CARS_LISTED);
  }

  /** Lists all hubs and gates, and the best cell of so many cars from where the last list ended; whether there are any. */
  fill(): boolean {
    const { cars } = this.#basis.block;
    this.list.count = 0;
    this.#listHubs();
    const full = this.list.count + CARS_LISTED;
    for (let priced = 0; priced < cars && this.list.count < full; priced++) {
      this.#listCar(this.#nextCar);
      this.#nextCar = this.#nextCar + 1 < cars ? this.#nextCar + 1 : 0;
    }
    return this.list.count > 0;
  }

  /** The best of the list by today's prices; what has become dearer leaves it. */
  best(): number {
    const { exitTo, exitCapacity, gateHub, gateCapacity, cellCost, cellCapacity, unservedCost } = this.#basis.block;
    const { cellStart, firstHub } = this.#basis.block;
    const price = this.#basis.price;
    const list = this.list;
    let worst = this.#basis.tolerance;
    let best = -1;
    for (let k = 0; k < list.count;) {
      const of = list.of[k]!;
      const cell = list.cell[k]!;
      let reduced = 0;
      let more = true;
      let less = true;
      switch (list.kind[k]!) {
        case EXIT:
          reduced = price[exitTo[of]!]! + this.#basis.exitCost[of]! - price[of]!;
          more = this.#basis.flows.exit[of]! < exitCapacity[of]!;
          less = this.#basis.flows.exit[of]! > 0;
          break;
        case GATE:
          reduced = price[gateHub[of]!]! - this.#basis.gateValue[of]!;
          more = this.#basis.flows.gate[of]! < gateCapacity[of]!;
          less = this.#basis.flows.gate[of]! > 0;
          break;
        case CELL: {
          const shift = firstHub[of]! - cellStart[of]!;
          const key = this.#basis.key[of]!;
          const own = key === UNSERVED ? unservedCost : cellCost[key]! + price[key + shift]!;
          if (cell === UNSERVED) {
            reduced = unservedCost - own;
            less = this.#basis.flows.unserved[of]! > 0;
          } else {
            reduced = cellCost[cell]! + price[cell + shift]! - own;
            more = this.#basis.flows.cell[cell]! < cellCapacity[cell]!;
            less = this.#basis.flows.cell[cell]! > 0;
          }
          break;
        }
        default:
          reduced = this.#basis.excessCost[of]! - price[of]!;
          less = this.#basis.flows.excess[of]! > 0;
      }
      const size = Math.abs(reduced);
      if (size > this.#basis.tolerance && (reduced < 0 ? more : less)) {
        if (size > worst) {
          worst = size;
          best = k;
        }
        list.sign[k] = reduced < 0 ? 1 : -1;
        k++;
        continue;
      }
      list.drop(k);
    }
    return best;
  }

  #listHubs(): void {
    const { hubs, exitTo, exitCapacity, gateHub, gateCapacity } = this.#basis.block;
    const tolerance = this.#basis.tolerance;
    for (let hub = 0; hub < hubs; hub++) {
      const reduced = this.#basis.price[exitTo[hub]!]! + this.#basis.exitCost[hub]! - this.#basis.price[hub]!;
      if (
        reduced < -tolerance
          ? this.#basis.flows.exit[hub]! < exitCapacity[hub]!
          : reduced > tolerance && this.#basis.flows.exit[hub]! > 0
      )
        this.list.put(EXIT, hub, 0);
      const beyond = this.#basis.excessCost[hub]! - this.#basis.price[hub]!;
      if (beyond < -tolerance || (beyond > tolerance && this.#basis.flows.excess[hub]! > 0))
        this.list.put(EXCESS, hub, 0);
    }
    for (let gate = 0; gate < gateHub.length; gate++) {
      const reduced = this.#basis.price[gateHub[gate]!]! - this.#basis.gateValue[gate]!;
      if (
        reduced < -tolerance
          ? this.#basis.flows.gate[gate]! < gateCapacity[gate]!
          : reduced > tolerance && this.#basis.flows.gate[gate]! > 0
      )
        this.list.put(GATE, gate, 0);
    }
  }

  #listCar(car: number): void {
    const { cellStart, firstHub, cellCapacity, cellCost, need, unservedCost } = this.#basis.block;
    if (need[car]! <= 0) return;
    const first = cellStart[car]!;
    const end = cellStart[car + 1]!;
    const shift = firstHub[car]! - first;
    const key = this.#basis.key[car]!;
    const own = key === UNSERVED ? unservedCost : cellCost[key]! + this.#basis.price[key + shift]!;
    let worst = this.#basis.tolerance;
    let best = UNSERVED - 1;
    for (let cell = first; cell < end; cell++) {
      const reduced = cellCost[cell]! + this.#basis.price[cell + shift]! - own;
      if (
        reduced < 0
          ? -reduced > worst && this.#basis.flows.cell[cell]! < cellCapacity[cell]!
          : reduced > worst && this.#basis.flows.cell[cell]! > 0
      ) {
        worst = Math.abs(reduced);
        best = cell;
      }
    }
    const left = unservedCost - own;
    if (left < 0 ? -left > worst : left > worst && this.#basis.flows.unserved[car]! > 0) best = UNSERVED;
    if (best >= UNSERVED) this.list.put(CELL, car, best);
  }
}
