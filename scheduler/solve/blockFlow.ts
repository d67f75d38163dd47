// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import type { Block } from './block.ts';
import { CheaperArcs } from './cheaperArcs.ts';
import { FlowBasis } from './flowBasis.ts';

/** How often the best of a list of cheaper arcs is taken before it is made anew. */
const MAX_TAKEN = 64;
/** How soft limits are at the start: a part of the highest price, or EUR per kWh, and by how much wider in each step. */
const START_WIDTH = 0.01;
const START_EUR = 0.01;
const WIDER = 4;

/**
 * Cheapest flow of one block: a primal network simplex (Dantzig 1951; bounded as in Cunningham 1976) in which cars are
 * not nodes. Each car has one basic arc, its key; all but a few have no other. What is left of the spanning tree joins
 * hubs only, through exits, gates and cars with a second basic arc, so that a pivot costs the number of hubs and not
 * that of cars. Starts from every car's cheapest slots, and again from the last optimum when only gates' values changed.
 */
export class BlockFlow {
  readonly cellFlow: Float64Array;
  readonly unserved: Float64Array;
  readonly gateFlow: Float64Array;
  /** EUR per kWh of the limits at a hub: its own rent and those of the hubs behind it. */
  readonly price: Float64Array;
  readonly #block: Block;
  readonly #basis: FlowBasis;
  readonly #cheaper: CheaperArcs;
  /** What gates can draw, whatever they are given now. */
  readonly #openCapacity: Float64Array;

  /**
   * Gates draw what they are given at first.
   * @param gateFlow at most the gates' capacities
   * @param startPrice prices of hubs by which cars are placed at first: those near the optimum, or 0
   */
  constructor(laidOut: Block, gateFlow: Float64Array, startPrice: Float64Array) {
    this.#block = { ...laidOut, gateCapacity: Float64Array.from(gateFlow) };
    this.#openCapacity = laidOut.gateCapacity;
    const gateValue = new Float64Array(gateFlow.length).fill(laidOut.unservedCost / 2);
    this.#basis = new FlowBasis(this.#block, gateValue, startPrice);
    this.#cheaper = new CheaperArcs(this.#basis);
    this.cellFlow = this.#basis.flows.cell;
    this.unserved = this.#basis.flows.unserved;
    this.gateFlow = this.#basis.flows.gate;
    this.price = this.#basis.price;
    this.#begin(startPrice);
  }

  /**
   * From prices that may be near: the limits are soft at first, a little above and below these, so that cars move for a
   * little only; then in steps as hard as they are.
   */
  #begin(startPrice: Float64Array): void {
    const { hubs, exitTo, unservedCost } = this.#block;
    const highest = startPrice.reduce((most, price) => Math.max(most, price), 0);
    const hard = 4 * unservedCost;
    for (let width = highest > 0 ? START_WIDTH * highest : START_EUR; width < unservedCost; width *= WIDER) {
      for (let hub = 0; hub < hubs; hub++) {
        const behind = startPrice[exitTo[hub]!]!;
        this.#basis.exitCost[hub] = Math.max(0, startPrice[hub]! - behind - width);
        this.#basis.excessCost[hub] = startPrice[hub]! + width;
      }
      this.#basis.readLinks();
      this.solve();
      if (this.#basis.flows.excess.every((flow) => flow === 0)) break;
    }
    this.#basis.exitCost.fill(0);
    this.#basis.excessCost.fill(hard);
    this.#basis.readLinks();
  }

  /**
   * Gates compete with all that they can draw.
   * @param value EUR per kWh that a gate draws
   */
  openGates(value: Float64Array): void {
    this.#block.gateCapacity.set(this.#openCapacity);
    this.#basis.gateValue.set(value);
    this.#basis.readLinks();
  }

  /**
   * Gates draw what they are given and no longer compete, but that owners still come first.
   * @param flow at most the gates' capacities
   */
  fixGates(flow: Float64Array): void {
    const { gateHub, gateCapacity, exitTo, unservedCost } = this.#block;
    for (let gate = 0; gate < gateHub.length; gate++) {
      gateCapacity[gate] = flow[gate]!;
      this.#basis.gateValue[gate] = unservedCost / 2;
      const less = this.gateFlow[gate]! - flow[gate]!;
      if (less <= 0) continue;
      this.gateFlow[gate] = flow[gate]!;
      for (let hub = gateHub[gate]!; hub !== this.#block.hubs; hub = exitTo[hub]!) this.#basis.flows.exit[hub]! -= less;
    }
    this.#basis.readLinks();
  }

  /** Pivots until nothing is cheaper. */
  solve(): void {
    const { list } = this.#cheaper;
    while (this.#cheaper.fill()) {
      for (let taken = 0; taken < MAX_TAKEN; taken++) {
        const best = this.#cheaper.best();
        if (best < 0) break;
        this.#basis.pivot(list.kind[best]!, list.of[best]!, list.cell[best]!, list.sign[best]!);
      }
    }
  }
}
