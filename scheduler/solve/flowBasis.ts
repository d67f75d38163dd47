// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { placeCheapest, UNSERVED, type Block } from './block.ts';
import { ArcFlows, CELL, EXCESS, EXIT, GATE } from './arcs.ts';
import { HubTree } from './hubTree.ts';

/**
 * Flows of one block and the basis that they stand on. Each car has one basic arc, its key; what is left of the spanning
 * tree are links that join hubs: exits, gates and second basic arcs of cars.
 */
export class FlowBasis {
  readonly block: Block;
  readonly flows: ArcFlows;
  /** EUR per kWh that leaves a hub by its exit, beyond what the exit carries, and that a gate is worth. */
  readonly exitCost: Float64Array;
  readonly excessCost: Float64Array;
  readonly gateValue: Float64Array;
  /** Each car's basic arc: one of its cells, or `UNSERVED`. */
  readonly key: Int32Array;
  /** EUR per kWh of the limits at a hub: its own rent and those of the hubs behind it. */
  readonly price: Float64Array;
  /** Differences of prices that are rounding. */
  tolerance = 1e-10;
  pivots = 0;
  readonly #root: number;
  readonly #tree: HubTree;
  /** Basic arcs of each car beside its key. */
  readonly #extras: Uint8Array;
  readonly #linkKind: Uint8Array;
  /** Hub, gate or car of a link, by kind. */
  readonly #linkOf: Int32Array;
  readonly #linkCell: Int32Array;
  readonly #touched: Int32Array;
  readonly #keyMove: Int8Array;
  readonly #pathLink: Int32Array;
  readonly #pathSign: Int8Array;
  #random = 1;

  /** @param startPrice prices of hubs by which cars are placed at first */
  constructor(block: Block, gateValue: Float64Array, startPrice: Float64Array) {
    const { hubs, cars } = block;
    this.block = block;
    this.flows = new ArcFlows(block);
    this.exitCost = new Float64Array(hubs);
    this.excessCost = new Float64Array(hubs).fill(4 * block.unservedCost);
    this.gateValue = gateValue;
    this.key = new Int32Array(cars).fill(UNSERVED);
    this.#root = hubs;
    this.#tree = new HubTree(hubs);
    this.price = this.#tree.price;
    this.#extras = new Uint8Array(cars);
    this.#linkKind = new Uint8Array(hubs);
    this.#linkOf = new Int32Array(hubs);
    this.#linkCell = new Int32Array(hubs);
    this.#touched = new Int32Array(hubs + 2);
    this.#keyMove = new Int8Array(cars);
    this.#pathLink = new Int32Array(hubs + 1);
    this.#pathSign = new Int8Array(hubs + 1);
    this.#place(startPrice);
  }

  /** Every car in its cheapest cells at the given prices; what exits do not carry is excess. */
  #place(startPrice: Float64Array): void {
    const { hubs, exitTo, exitCapacity } = this.block;
    const load = placeCheapest(this.block, this.gateValue, startPrice, {
      cellFlow: this.flows.cell,
      unserved: this.flows.unserved,
      key: this.key,
      gateFlow: this.flows.gate,
    });
    // Exits lead to hubs with higher numbers.
    for (let hub = 0; hub < hubs; hub++) {
      const flow = Math.min(load[hub]!, exitCapacity[hub]!);
      this.flows.exit[hub] = flow;
      this.flows.excess[hub] = load[hub]! - flow;
      load[exitTo[hub]!]! += flow;
      this.#linkKind[hub] = this.flows.excess[hub]! > 0 ? EXCESS : EXIT;
      this.#linkOf[hub] = hub;
    }
  }

  /** Reads the links anew after costs, values or capacities have changed. */
  readLinks(): void {
    for (let link = 0; link < this.block.hubs; link++) this.#readLink(link);
    this.#rebuild();
  }

  /** Brings an arc into the basis, upwards (1) from its lower bound or downwards (-1) from its capacity. */
  pivot(kind: number, of: number, cell: number, direction: number): void {
    this.pivots++;
    const { exitTo, gateHub } = this.block;
    // More of the entering arc leaves a surplus at one node that the tree has to carry to the other.
    let from =
      kind === CELL ? this.#hubOf(of, cell) : kind === EXIT ? exitTo[of]! : kind === GATE ? gateHub[of]! : this.#root;
    let to = kind === CELL ? this.#hubOf(of, this.key[of]!) : kind === GATE ? this.#root : of;
    if (direction < 0) [from, to] = [to, from];
    let touched = 0;
    if (kind === CELL) {
      this.#keyMove[of] = -direction;
      this.#touched[touched++] = of;
    }
    let steps = 0;
    let up = from;
    let down = to;
    while (up !== down) {
      const rising = this.#tree.depth[up]! >= this.#tree.depth[down]!;
      const node = rising ? up : down;
      const link = this.#tree.parentLink[node]!;
      // Whether the surplus leaves the link's own end: the hub of an exit, a gate or a cell.
      const leaves = this.#tree.own[link] === node ? rising : !rising;
      this.#pathLink[steps] = link;
      this.#pathSign[steps] =
        this.#linkKind[link] === EXIT || this.#linkKind[link] === EXCESS ? (leaves ? 1 : -1) : leaves ? -1 : 1;
      if (this.#linkKind[link] === CELL) {
        const car = this.#linkOf[link]!;
        if (this.#keyMove[car] === 0) this.#touched[touched++] = car;
        this.#keyMove[car]! -= this.#pathSign[steps]!;
      }
      steps++;
      if (rising) up = this.#tree.parent[up]!;
      else down = this.#tree.parent[down]!;
    }

    // The entering arc's own bounds come first: no change of basis is the cheapest.
    let most = this.flows.roomOf(kind, of, cell, direction);
    let leavingStep = -1;
    let leavingCar = -1;
    let ties = 1;
    for (let step = 0; step < steps; step++) {
      const link = this.#pathLink[step]!;
      const room = this.flows.roomOf(
        this.#linkKind[link]!,
        this.#linkOf[link]!,
        this.#linkCell[link]!,
        this.#pathSign[step]!,
      );
      if (room < most || (room === most && this.#wins(++ties))) {
        if (room < most) ties = 1;
        most = room;
        leavingStep = step;
      }
    }
    for (let k = 0; k < touched; k++) {
      const car = this.#touched[k]!;
      const move = this.#keyMove[car]!;
      if (move === 0) continue;
      const room = this.flows.roomOfCell(car, this.key[car]!, move);
      if (room < most || (room === most && this.#wins(++ties))) {
        if (room < most) ties = 1;
        most = room;
        leavingStep = -1;
        leavingCar = car;
      }
    }
    if (leavingStep >= 0) leavingCar = -1;

    if (most > 0) {
      this.flows.move(kind, of, cell, direction * most);
      for (let step = 0; step < steps; step++) {
        const link = this.#pathLink[step]!;
        this.flows.move(
          this.#linkKind[link]!,
          this.#linkOf[link]!,
          this.#linkCell[link]!,
          this.#pathSign[step]! * most,
        );
      }
    }
    let linkOfLeaving = -1;
    for (let k = 0; k < touched; k++) {
      const car = this.#touched[k]!;
      if (most > 0 && this.#keyMove[car] !== 0) this.flows.moveCell(car, this.key[car]!, this.#keyMove[car]! * most);
      this.#keyMove[car] = 0;
    }
    if (leavingStep < 0 && leavingCar < 0) return;

    if (leavingCar >= 0 && kind === CELL && leavingCar === of) {
      this.key[of] = cell;
      // Without a second basic arc the tree of hubs does not know this car.
      const extras = this.#extras[of]!;
      if (extras === 0) return;
      this.#readLinksOf(of);
      this.#rebuild();
      return;
    }
    if (leavingCar >= 0) {
      for (let step = 0; step < steps && linkOfLeaving < 0; step++) {
        const link = this.#pathLink[step]!;
        if (this.#linkKind[link] === CELL && this.#linkOf[link] === leavingCar) linkOfLeaving = link;
      }
      this.key[leavingCar] = this.#linkCell[linkOfLeaving]!;
    } else linkOfLeaving = this.#pathLink[leavingStep]!;
    const below = this.#tree.below(linkOfLeaving);
    if (this.#linkKind[linkOfLeaving] === CELL) this.#extras[this.#linkOf[linkOfLeaving]!]!--;
    this.#linkKind[linkOfLeaving] = kind;
    this.#linkOf[linkOfLeaving] = of;
    this.#linkCell[linkOfLeaving] = cell;
    if (kind === CELL) this.#extras[of]!++;
    this.#readLink(linkOfLeaving);
    if (leavingCar >= 0 && this.#extras[leavingCar]! > 0) {
      // Its other links lead to another hub now.
      this.#readLinksOf(leavingCar);
      this.#rebuild();
      return;
    }
    this.#tree.rehang(linkOfLeaving, below);
    this.tolerance = toleranceAt(this.#tree.highest);
  }

  #readLinksOf(car: number): void {
    for (let link = 0; link < this.block.hubs; link++) {
      if (this.#linkKind[link] === CELL && this.#linkOf[link] === car) this.#readLink(link);
    }
  }

  /** One of `ties` equals, each as likely: degenerate pivots then cannot go round in circles for ever. */
  #wins(ties: number): boolean {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random % ties === 0;
  }

  #hubOf(car: number, cell: number): number {
    return cell === UNSERVED ? this.#root : this.block.firstHub[car]! + cell - this.block.cellStart[car]!;
  }

  /** Reads ends and difference of prices of a link off the arc that it stands for. */
  #readLink(link: number): void {
    const { gateHub, exitTo, cellCost, unservedCost } = this.block;
    const of = this.#linkOf[link]!;
    switch (this.#linkKind[link]!) {
      case EXIT:
        this.#tree.own[link] = of;
        this.#tree.other[link] = exitTo[of]!;
        this.#tree.rise[link] = this.exitCost[of]!;
        return;
      case GATE:
        this.#tree.own[link] = gateHub[of]!;
        this.#tree.other[link] = this.#root;
        this.#tree.rise[link] = this.gateValue[of]!;
        return;
      case CELL: {
        const cell = this.#linkCell[link]!;
        const key = this.key[of]!;
        this.#tree.own[link] = this.#hubOf(of, cell);
        this.#tree.other[link] = this.#hubOf(of, key);
        this.#tree.rise[link] =
          (key === UNSERVED ? unservedCost : cellCost[key]!) - (cell === UNSERVED ? unservedCost : cellCost[cell]!);
        return;
      }
      default:
        this.#tree.own[link] = of;
        this.#tree.other[link] = this.#root;
        this.#tree.rise[link] = this.excessCost[of]!;
    }
  }

  #rebuild(): void {
    this.#tree.rebuild();
    this.tolerance = toleranceAt(this.#tree.highest);
  }
}

function toleranceAt(highestPrice: number): number {
  return Math.max(1e-10, 1e-14 * highestPrice);
}
