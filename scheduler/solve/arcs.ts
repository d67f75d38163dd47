// Indices come from the block whose arcs these are; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { UNSERVED, type Block } from './block.ts';

/** Kinds of arcs: a hub's exit and what goes beyond it, by hub; gates, by gate; cells and unserved need, by car. */
export const EXIT = 0;
export const GATE = 1;
export const CELL = 2;
export const EXCESS = 3;

/** What flows along the arcs of a block. */
export class ArcFlows {
  readonly #block: Block;
  readonly cell: Float64Array;
  readonly unserved: Float64Array;
  readonly gate: Float64Array;
  readonly exit: Float64Array;
  readonly excess: Float64Array;

  constructor(block: Block) {
    this.#block = block;
    this.cell = new Float64Array(block.cellCapacity.length);
    this.unserved = new Float64Array(block.cars);
    this.gate = new Float64Array(block.gateHub.length);
    this.exit = new Float64Array(block.hubs);
    this.excess = new Float64Array(block.hubs);
  }

  roomOfCell(car: number, cell: number, sign: number): number {
    if (cell === UNSERVED) return sign > 0 ? Infinity : this.unserved[car]!;
    return sign > 0 ? this.#block.cellCapacity[cell]! - this.cell[cell]! : this.cell[cell]!;
  }

  moveCell(car: number, cell: number, flow: number): void {
    if (cell === UNSERVED) this.unserved[car]! += flow;
    else this.cell[cell]! += flow;
  }

  /** How much more (1) or less (-1) an arc can carry. */
  roomOf(kind: number, of: number, cell: number, sign: number): number {
    switch (kind) {
      case EXIT:
        return sign > 0 ? this.#block.exitCapacity[of]! - this.exit[of]! : this.exit[of]!;
      case GATE:
        return sign > 0 ? this.#block.gateCapacity[of]! - this.gate[of]! : this.gate[of]!;
      case CELL:
        return this.roomOfCell(of, cell, sign);
      default:
        return sign > 0 ? Infinity : this.excess[of]!;
    }
  }

  move(kind: number, of: number, cell: number, flow: number): void {
    switch (kind) {
      case EXIT:
        this.exit[of]! += flow;
        return;
      case GATE:
        this.gate[of]! += flow;
        return;
      case CELL:
        this.moveCell(of, cell, flow);
        return;
      default:
        this.excess[of]! += flow;
    }
  }
}

/** Arcs that were cheaper when they were listed, and whether more (1) or less (-1) of each was. */
export class ArcList {
  readonly kind: Uint8Array;
  readonly of: Int32Array;
  readonly cell: Int32Array;
  readonly sign: Int8Array;
  count = 0;

  constructor(most: number) {
    this.kind = new Uint8Array(most);
    this.of = new Int32Array(most);
    this.cell = new Int32Array(most);
    this.sign = new Int8Array(most);
  }

  put(kind: number, of: number, cell: number): void {
    const k = this.count++;
    this.kind[k] = kind;
    this.of[k] = of;
    this.cell[k] = cell;
  }

  /** The last takes its place. */
  drop(k: number): void {
    const last = --this.count;
    this.kind[k] = this.kind[last]!;
    this.of[k] = this.of[last]!;
    this.cell[k] = this.cell[last]!;
    this.sign[k] = this.sign[last]!;
  }
}
