// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { placeCheapest, UNSERVED, type Block } from './block.ts';
import { ArcFlows, ArcList, CELL, EXCESS, EXIT, GATE } from './arcs.ts';
import { HubTree } from './hubTree.ts';

/** Cars with a cheaper cell on a list, and how often the best of it is taken before it is made anew. */
const CARS_LISTED = 32;
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
  readonly #block: Block;
  readonly #root: number;
  /** EUR per kWh that leaves a hub by its exit, and beyond what the exit carries. */
  readonly #exitCost: Float64Array;
  readonly #excessCost: Float64Array;
  readonly #flows: ArcFlows;
  readonly cellFlow: Float64Array;
  readonly unserved: Float64Array;
  readonly gateFlow: Float64Array;
  readonly #gateValue: Float64Array;
  /** What gates can draw, whatever they are given now. */
  readonly #openCapacity: Float64Array;
  readonly #key: Int32Array;
  readonly #extras: Uint8Array;
  readonly #linkKind: Uint8Array;
  /** Hub, gate or car of a link, by kind. */
  readonly #linkOf: Int32Array;
  readonly #linkCell: Int32Array;
  readonly #tree: HubTree;
  /** EUR per kWh of the limits at a hub: its own rent and those of the hubs behind it. */
  readonly price: Float64Array;
  readonly #touched: Int32Array;
  readonly #keyMove: Int8Array;
  readonly #pathLink: Int32Array;
  readonly #pathSign: Int8Array;
  /** Arcs that were cheaper when they were listed. */
  readonly #list: ArcList;
  #nextCar = 0;
  #tolerance = 1e-10;

  #random = 1;
  pivots = 0;

  /**
   * Gates draw what they are given at first.
   * @param gateFlow at most the gates' capacities
   * @param startPrice prices of hubs by which cars are placed at first: those near the optimum, or 0
   */
  constructor(laidOut: Block, gateFlow: Float64Array, startPrice: Float64Array) {
    const block = { ...laidOut, gateCapacity: Float64Array.from(gateFlow) };
    const { hubs, cars } = block;
    this.#block = block;
    this.#openCapacity = laidOut.gateCapacity;
    this.#root = hubs;
    this.#exitCost = new Float64Array(hubs);
    this.#excessCost = new Float64Array(hubs).fill(4 * block.unservedCost);
    this.#flows = new ArcFlows(block);
    this.cellFlow = this.#flows.cell;
    this.unserved = this.#flows.unserved;
    this.gateFlow = this.#flows.gate;
    this.#gateValue = new Float64Array(gateFlow.length).fill(block.unservedCost / 2);
    this.#key = new Int32Array(cars).fill(UNSERVED);
    this.#extras = new Uint8Array(cars);
    this.#linkKind = new Uint8Array(hubs);
    this.#linkOf = new Int32Array(hubs);
    this.#linkCell = new Int32Array(hubs);
    this.#tree = new HubTree(hubs);
    this.#list = new ArcList(2 * hubs + block.gateHub.length + CARS_LISTED);
    this.price = this.#tree.price;
    this.#touched = new Int32Array(hubs + 2);
    this.#keyMove = new Int8Array(cars);
    this.#pathLink = new Int32Array(hubs + 1);
    this.#pathSign = new Int8Array(hubs + 1);
    this.#place(startPrice);
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
        this.#exitCost[hub] = Math.max(0, startPrice[hub]! - behind - width);
        this.#excessCost[hub] = startPrice[hub]! + width;
      }
      this.#readLinks();
      this.#improve();
      if (this.#flows.excess.every((flow) => flow === 0)) break;
    }
    this.#exitCost.fill(0);
    this.#excessCost.fill(hard);
    this.#readLinks();
  }

  /**
   * Gates compete with all that they can draw.
   * @param value EUR per kWh that a gate draws
   */
  openGates(value: Float64Array): void {
    this.#block.gateCapacity.set(this.#openCapacity);
    this.#gateValue.set(value);
    this.#readLinks();
  }

  /**
   * Gates draw what they are given and no longer compete, but that owners still come first.
   * @param flow at most the gates' capacities
   */
  fixGates(flow: Float64Array): void {
    const { gateHub, gateCapacity, exitTo, unservedCost } = this.#block;
    for (let gate = 0; gate < gateHub.length; gate++) {
      gateCapacity[gate] = flow[gate]!;
      this.#gateValue[gate] = unservedCost / 2;
      const less = this.gateFlow[gate]! - flow[gate]!;
      if (less <= 0) continue;
      this.gateFlow[gate] = flow[gate]!;
      for (let hub = gateHub[gate]!; hub !== this.#root; hub = exitTo[hub]!) this.#flows.exit[hub]! -= less;
    }
    this.#readLinks();
  }

  /** Pivots until nothing is cheaper. */
  solve(): void {
    this.#improve();
  }

  /** Fills a list with arcs that would be cheaper, and takes the best of it until none is left; then the next list. */
  #improve(): void {
    const list = this.#list;
    while (this.#listCheaper()) {
      for (let taken = 0; taken < MAX_TAKEN; taken++) {
        const best = this.#best();
        if (best < 0) break;
        this.#pivot(list.kind[best]!, list.of[best]!, list.cell[best]!, list.sign[best]!);
      }
    }
  }

  /** Lists all hubs and gates, and the best cell of so many cars from where the last list ended; whether there are any. */
  #listCheaper(): boolean {
    const { cars } = this.#block;
    this.#list.count = 0;
    this.#listHubs();
    const full = this.#list.count + CARS_LISTED;
    for (let priced = 0; priced < cars && this.#list.count < full; priced++) {
      this.#listCar(this.#nextCar);
      this.#nextCar = this.#nextCar + 1 < cars ? this.#nextCar + 1 : 0;
    }
    return this.#list.count > 0;
  }

  /** The best of the list by today's prices; what has become dearer leaves it. */
  #best(): number {
    const { exitTo, exitCapacity, gateHub, gateCapacity, cellCost, cellCapacity, unservedCost } = this.#block;
    const { cellStart, firstHub } = this.#block;
    const price = this.price;
    const list = this.#list;
    let worst = this.#tolerance;
    let best = -1;
    for (let k = 0; k < list.count;) {
      const of = list.of[k]!;
      const cell = list.cell[k]!;
      let reduced = 0;
      let more = true;
      let less = true;
      switch (list.kind[k]!) {
        case EXIT:
          reduced = price[exitTo[of]!]! + this.#exitCost[of]! - price[of]!;
          more = this.#flows.exit[of]! < exitCapacity[of]!;
          less = this.#flows.exit[of]! > 0;
          break;
        case GATE:
          reduced = price[gateHub[of]!]! - this.#gateValue[of]!;
          more = this.gateFlow[of]! < gateCapacity[of]!;
          less = this.gateFlow[of]! > 0;
          break;
        case CELL: {
          const shift = firstHub[of]! - cellStart[of]!;
          const key = this.#key[of]!;
          const own = key === UNSERVED ? unservedCost : cellCost[key]! + price[key + shift]!;
          if (cell === UNSERVED) {
            reduced = unservedCost - own;
            less = this.unserved[of]! > 0;
          } else {
            reduced = cellCost[cell]! + price[cell + shift]! - own;
            more = this.cellFlow[cell]! < cellCapacity[cell]!;
            less = this.cellFlow[cell]! > 0;
          }
          break;
        }
        default:
          reduced = this.#excessCost[of]! - price[of]!;
          less = this.#flows.excess[of]! > 0;
      }
      const size = Math.abs(reduced);
      if (size > this.#tolerance && (reduced < 0 ? more : less)) {
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

  /** Every car in its cheapest cells at the given prices; what exits do not carry is excess. */
  #place(startPrice: Float64Array): void {
    const { hubs, exitTo, exitCapacity } = this.#block;
    const load = placeCheapest(this.#block, this.#gateValue, startPrice, {
      cellFlow: this.cellFlow,
      unserved: this.unserved,
      key: this.#key,
      gateFlow: this.gateFlow,
    });
    // Exits lead to hubs with higher numbers.
    for (let hub = 0; hub < hubs; hub++) {
      const flow = Math.min(load[hub]!, exitCapacity[hub]!);
      this.#flows.exit[hub] = flow;
      this.#flows.excess[hub] = load[hub]! - flow;
      load[exitTo[hub]!]! += flow;
      this.#linkKind[hub] = this.#flows.excess[hub]! > 0 ? EXCESS : EXIT;
      this.#linkOf[hub] = hub;
    }
  }

  #listHubs(): void {
    const { hubs, exitTo, exitCapacity, gateHub, gateCapacity } = this.#block;
    const tolerance = this.#tolerance;
    for (let hub = 0; hub < hubs; hub++) {
      const reduced = this.price[exitTo[hub]!]! + this.#exitCost[hub]! - this.price[hub]!;
      if (
        reduced < -tolerance
          ? this.#flows.exit[hub]! < exitCapacity[hub]!
          : reduced > tolerance && this.#flows.exit[hub]! > 0
      )
        this.#list.put(EXIT, hub, 0);
      const beyond = this.#excessCost[hub]! - this.price[hub]!;
      if (beyond < -tolerance || (beyond > tolerance && this.#flows.excess[hub]! > 0)) this.#list.put(EXCESS, hub, 0);
    }
    for (let gate = 0; gate < gateHub.length; gate++) {
      const reduced = this.price[gateHub[gate]!]! - this.#gateValue[gate]!;
      if (
        reduced < -tolerance
          ? this.gateFlow[gate]! < gateCapacity[gate]!
          : reduced > tolerance && this.gateFlow[gate]! > 0
      )
        this.#list.put(GATE, gate, 0);
    }
  }

  #listCar(car: number): void {
    const { cellStart, firstHub, cellCapacity, cellCost, need, unservedCost } = this.#block;
    if (need[car]! <= 0) return;
    const first = cellStart[car]!;
    const end = cellStart[car + 1]!;
    const shift = firstHub[car]! - first;
    const key = this.#key[car]!;
    const own = key === UNSERVED ? unservedCost : cellCost[key]! + this.price[key + shift]!;
    let worst = this.#tolerance;
    let best = UNSERVED - 1;
    for (let cell = first; cell < end; cell++) {
      const reduced = cellCost[cell]! + this.price[cell + shift]! - own;
      if (
        reduced < 0
          ? -reduced > worst && this.cellFlow[cell]! < cellCapacity[cell]!
          : reduced > worst && this.cellFlow[cell]! > 0
      ) {
        worst = Math.abs(reduced);
        best = cell;
      }
    }
    const left = unservedCost - own;
    if (left < 0 ? -left > worst : left > worst && this.unserved[car]! > 0) best = UNSERVED;
    if (best >= UNSERVED) this.#list.put(CELL, car, best);
  }

  /** Brings an arc into the basis, upwards (1) from its lower bound or downwards (-1) from its capacity. */
  #pivot(kind: number, of: number, cell: number, direction: number): void {
    this.pivots++;
    const { exitTo, gateHub } = this.#block;
    // More of the entering arc leaves a surplus at one node that the tree has to carry to the other.
    let from =
      kind === CELL ? this.#hubOf(of, cell) : kind === EXIT ? exitTo[of]! : kind === GATE ? gateHub[of]! : this.#root;
    let to = kind === CELL ? this.#hubOf(of, this.#key[of]!) : kind === GATE ? this.#root : of;
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
    let most = this.#flows.roomOf(kind, of, cell, direction);
    let leavingStep = -1;
    let leavingCar = -1;
    let ties = 1;
    for (let step = 0; step < steps; step++) {
      const link = this.#pathLink[step]!;
      const room = this.#flows.roomOf(
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
      const room = this.#flows.roomOfCell(car, this.#key[car]!, move);
      if (room < most || (room === most && this.#wins(++ties))) {
        if (room < most) ties = 1;
        most = room;
        leavingStep = -1;
        leavingCar = car;
      }
    }
    if (leavingStep >= 0) leavingCar = -1;

    if (most > 0) {
      this.#flows.move(kind, of, cell, direction * most);
      for (let step = 0; step < steps; step++) {
        const link = this.#pathLink[step]!;
        this.#flows.move(
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
      if (most > 0 && this.#keyMove[car] !== 0) this.#flows.moveCell(car, this.#key[car]!, this.#keyMove[car]! * most);
      this.#keyMove[car] = 0;
    }
    if (leavingStep < 0 && leavingCar < 0) return;

    if (leavingCar >= 0 && kind === CELL && leavingCar === of) {
      this.#key[of] = cell;
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
      this.#key[leavingCar] = this.#linkCell[linkOfLeaving]!;
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
    this.#tolerance = toleranceAt(this.#tree.highest);
  }

  #readLinksOf(car: number): void {
    for (let link = 0; link < this.#block.hubs; link++) {
      if (this.#linkKind[link] === CELL && this.#linkOf[link] === car) this.#readLink(link);
    }
  }

  /** One of `ties` equals, each as likely: degenerate pivots then cannot go round in circles for ever. */
  #wins(ties: number): boolean {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random % ties === 0;
  }

  #hubOf(car: number, cell: number): number {
    return cell === UNSERVED ? this.#root : this.#block.firstHub[car]! + cell - this.#block.cellStart[car]!;
  }

  #readLinks(): void {
    for (let link = 0; link < this.#block.hubs; link++) this.#readLink(link);
    this.#rebuild();
  }

  /** Reads ends and difference of prices of a link off the arc that it stands for. */
  #readLink(link: number): void {
    const { gateHub, exitTo, cellCost, unservedCost } = this.#block;
    const of = this.#linkOf[link]!;
    switch (this.#linkKind[link]!) {
      case EXIT:
        this.#tree.own[link] = of;
        this.#tree.other[link] = exitTo[of]!;
        this.#tree.rise[link] = this.#exitCost[of]!;
        return;
      case GATE:
        this.#tree.own[link] = gateHub[of]!;
        this.#tree.other[link] = this.#root;
        this.#tree.rise[link] = this.#gateValue[of]!;
        return;
      case CELL: {
        const cell = this.#linkCell[link]!;
        const key = this.#key[of]!;
        this.#tree.own[link] = this.#hubOf(of, cell);
        this.#tree.other[link] = this.#hubOf(of, key);
        this.#tree.rise[link] =
          (key === UNSERVED ? unservedCost : cellCost[key]!) - (cell === UNSERVED ? unservedCost : cellCost[cell]!);
        return;
      }
      default:
        this.#tree.own[link] = of;
        this.#tree.other[link] = this.#root;
        this.#tree.rise[link] = this.#excessCost[of]!;
    }
  }

  #rebuild(): void {
    this.#tree.rebuild();
    this.#tolerance = toleranceAt(this.#tree.highest);
  }
}

function toleranceAt(highestPrice: number): number {
  return Math.max(1e-10, 1e-14 * highestPrice);
}
