// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { placeCheapest, UNSERVED, type Block } from './block.ts';

const EXIT = 0;
const GATE = 1;
const CELL = 2;
const EXCESS = 3;
/** Cars whose cells are priced before the best is taken. */
const CARS_PRICED = 16;
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
  readonly cellFlow: Float64Array;
  readonly unserved: Float64Array;
  readonly gateFlow: Float64Array;
  readonly #gateValue: Float64Array;
  readonly #exitFlow: Float64Array;
  readonly #excessFlow: Float64Array;
  readonly #key: Int32Array;
  readonly #extras: Uint8Array;
  readonly #linkKind: Uint8Array;
  /** Hub, gate or car of a link, by kind. */
  readonly #linkOf: Int32Array;
  readonly #linkCell: Int32Array;
  /** The hub of the exit, gate or cell, the node at the other end, and what the first's price is above the other's. */
  readonly #linkOwn: Int32Array;
  readonly #linkOther: Int32Array;
  readonly #linkRise: Float64Array;
  readonly #parent: Int32Array;
  readonly #parentLink: Int32Array;
  readonly #depth: Int32Array;
  /** EUR per kWh of the limits at a hub: its own rent and those of the hubs behind it. */
  readonly price: Float64Array;
  readonly #touched: Int32Array;
  readonly #keyMove: Int8Array;
  readonly #pathLink: Int32Array;
  readonly #pathSign: Int8Array;
  readonly #adjacencyStart: Int32Array;
  readonly #adjacency: Int32Array;
  readonly #queue: Int32Array;
  /** The best arc that pricing has found so far. */
  #worst = 0;
  #enteringKind = -1;
  #enteringOf = 0;
  #enteringCell = 0;
  #direction = 1;
  #tolerance = 1e-10;

  #random = 1;
  pivots = 0;

  /** @param startPrice prices of hubs by which cars and gates are placed at first: the last plan's, or 0 */
  constructor(block: Block, gateValue: Float64Array, startPrice: Float64Array) {
    const { hubs, cars } = block;
    this.#block = block;
    this.#root = hubs;
    this.#exitCost = new Float64Array(hubs);
    this.#excessCost = new Float64Array(hubs).fill(4 * block.unservedCost);
    this.cellFlow = new Float64Array(block.cellCapacity.length);
    this.unserved = new Float64Array(cars);
    this.gateFlow = new Float64Array(block.gateHub.length);
    this.#gateValue = Float64Array.from(gateValue);
    this.#exitFlow = new Float64Array(hubs);
    this.#excessFlow = new Float64Array(hubs);
    this.#key = new Int32Array(cars).fill(UNSERVED);
    this.#extras = new Uint8Array(cars);
    this.#linkKind = new Uint8Array(hubs);
    this.#linkOf = new Int32Array(hubs);
    this.#linkCell = new Int32Array(hubs);
    this.#linkOwn = new Int32Array(hubs);
    this.#linkOther = new Int32Array(hubs);
    this.#linkRise = new Float64Array(hubs);
    this.#parent = new Int32Array(hubs + 1);
    this.#parentLink = new Int32Array(hubs + 1);
    this.#depth = new Int32Array(hubs + 1);
    this.price = new Float64Array(hubs + 1);
    this.#touched = new Int32Array(hubs + 2);
    this.#keyMove = new Int8Array(cars);
    this.#pathLink = new Int32Array(hubs + 1);
    this.#pathSign = new Int8Array(hubs + 1);
    this.#adjacencyStart = new Int32Array(hubs + 2);
    this.#adjacency = new Int32Array(2 * hubs);
    this.#queue = new Int32Array(hubs + 1);
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
      if (this.#excessFlow.every((flow) => flow === 0)) break;
    }
    this.#exitCost.fill(0);
    this.#excessCost.fill(hard);
    this.#readLinks();
  }

  /** Takes other values of gates, EUR per kWh that a gate draws. */
  setGateValues(value: Float64Array): void {
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
      for (let hub = gateHub[gate]!; hub !== this.#root; hub = exitTo[hub]!) this.#exitFlow[hub]! -= less;
    }
    this.#readLinks();
  }

  /** Pivots until nothing is cheaper. */
  solve(): void {
    this.#improve();
  }

  /**
   * Takes the best arc of so many cars, hubs and gates in turn: the first good one would be taken too often, the best of
   * all would cost a pass over all cells.
   */
  #improve(): void {
    const { cars } = this.#block;
    let idle = 0;
    let car = 0;
    while (idle <= cars) {
      this.#worst = this.#tolerance;
      this.#enteringKind = -1;
      this.#priceHubs();
      const end = Math.min(cars, car + CARS_PRICED);
      const priced = end - car;
      for (; car < end; car++) this.#priceCar(car);
      if (car >= cars) car = 0;
      if (this.#enteringKind < 0) {
        idle += Math.max(1, priced);
        continue;
      }
      idle = 0;
      this.#pivot(this.#enteringKind, this.#enteringOf, this.#enteringCell, this.#direction);
    }
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
      this.#exitFlow[hub] = flow;
      this.#excessFlow[hub] = load[hub]! - flow;
      load[exitTo[hub]!]! += flow;
      this.#linkKind[hub] = this.#excessFlow[hub]! > 0 ? EXCESS : EXIT;
      this.#linkOf[hub] = hub;
    }
  }

  #offer(reduced: number, kind: number, of: number, cell: number, direction: number): void {
    this.#worst = reduced;
    this.#enteringKind = kind;
    this.#enteringOf = of;
    this.#enteringCell = cell;
    this.#direction = direction;
  }

  #priceHubs(): void {
    const { hubs, exitTo, exitCapacity, gateHub, gateCapacity } = this.#block;
    for (let hub = 0; hub < hubs; hub++) {
      const reduced = this.price[exitTo[hub]!]! + this.#exitCost[hub]! - this.price[hub]!;
      if (-reduced > this.#worst && this.#exitFlow[hub]! < exitCapacity[hub]!) this.#offer(-reduced, EXIT, hub, 0, 1);
      else if (reduced > this.#worst && this.#exitFlow[hub]! > 0) this.#offer(reduced, EXIT, hub, 0, -1);
      const beyond = this.#excessCost[hub]! - this.price[hub]!;
      if (-beyond > this.#worst) this.#offer(-beyond, EXCESS, hub, 0, 1);
      else if (beyond > this.#worst && this.#excessFlow[hub]! > 0) this.#offer(beyond, EXCESS, hub, 0, -1);
    }
    for (let gate = 0; gate < gateHub.length; gate++) {
      const reduced = this.price[gateHub[gate]!]! - this.#gateValue[gate]!;
      if (-reduced > this.#worst && this.gateFlow[gate]! < gateCapacity[gate]!) this.#offer(-reduced, GATE, gate, 0, 1);
      else if (reduced > this.#worst && this.gateFlow[gate]! > 0) this.#offer(reduced, GATE, gate, 0, -1);
    }
  }

  #priceCar(car: number): void {
    const { cellStart, firstHub, cellCapacity, cellCost, need, unservedCost } = this.#block;
    if (need[car]! <= 0) return;
    const first = cellStart[car]!;
    const end = cellStart[car + 1]!;
    const shift = firstHub[car]! - first;
    const key = this.#key[car]!;
    const own = key === UNSERVED ? unservedCost : cellCost[key]! + this.price[key + shift]!;
    let worst = this.#worst;
    for (let cell = first; cell < end; cell++) {
      const reduced = cellCost[cell]! + this.price[cell + shift]! - own;
      if (reduced < 0) {
        if (-reduced > worst && this.cellFlow[cell]! < cellCapacity[cell]!) {
          worst = -reduced;
          this.#offer(worst, CELL, car, cell, 1);
        }
      } else if (reduced > worst && this.cellFlow[cell]! > 0) {
        worst = reduced;
        this.#offer(worst, CELL, car, cell, -1);
      }
    }
    const left = unservedCost - own;
    if (-left > worst) this.#offer(-left, CELL, car, UNSERVED, 1);
    else if (left > worst && this.unserved[car]! > 0) this.#offer(left, CELL, car, UNSERVED, -1);
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
      const rising = this.#depth[up]! >= this.#depth[down]!;
      const node = rising ? up : down;
      const link = this.#parentLink[node]!;
      // Whether the surplus leaves the link's own end: the hub of an exit, a gate or a cell.
      const leaves = this.#linkOwn[link] === node ? rising : !rising;
      this.#pathLink[steps] = link;
      this.#pathSign[steps] =
        this.#linkKind[link] === EXIT || this.#linkKind[link] === EXCESS ? (leaves ? 1 : -1) : leaves ? -1 : 1;
      if (this.#linkKind[link] === CELL) {
        const car = this.#linkOf[link]!;
        if (this.#keyMove[car] === 0) this.#touched[touched++] = car;
        this.#keyMove[car]! -= this.#pathSign[steps]!;
      }
      steps++;
      if (rising) up = this.#parent[up]!;
      else down = this.#parent[down]!;
    }

    // The entering arc's own bounds come first: no change of basis is the cheapest.
    let most = this.#roomOf(kind, of, cell, direction);
    let leavingStep = -1;
    let leavingCar = -1;
    let ties = 1;
    for (let step = 0; step < steps; step++) {
      const link = this.#pathLink[step]!;
      const room = this.#roomOf(
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
      const room = this.#roomOfCell(car, this.#key[car]!, move);
      if (room < most || (room === most && this.#wins(++ties))) {
        if (room < most) ties = 1;
        most = room;
        leavingStep = -1;
        leavingCar = car;
      }
    }
    if (leavingStep >= 0) leavingCar = -1;

    if (most > 0) {
      this.#move(kind, of, cell, direction * most);
      for (let step = 0; step < steps; step++) {
        const link = this.#pathLink[step]!;
        this.#move(this.#linkKind[link]!, this.#linkOf[link]!, this.#linkCell[link]!, this.#pathSign[step]! * most);
      }
    }
    let linkOfLeaving = -1;
    for (let k = 0; k < touched; k++) {
      const car = this.#touched[k]!;
      if (most > 0 && this.#keyMove[car] !== 0) this.#moveCell(car, this.#key[car]!, this.#keyMove[car]! * most);
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
    if (this.#linkKind[linkOfLeaving] === CELL) this.#extras[this.#linkOf[linkOfLeaving]!]!--;
    this.#linkKind[linkOfLeaving] = kind;
    this.#linkOf[linkOfLeaving] = of;
    this.#linkCell[linkOfLeaving] = cell;
    if (kind === CELL) this.#extras[of]!++;
    this.#readLink(linkOfLeaving);
    if (leavingCar >= 0 && this.#extras[leavingCar]! > 0) this.#readLinksOf(leavingCar);
    this.#rebuild();
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
        this.#linkOwn[link] = of;
        this.#linkOther[link] = exitTo[of]!;
        this.#linkRise[link] = this.#exitCost[of]!;
        return;
      case GATE:
        this.#linkOwn[link] = gateHub[of]!;
        this.#linkOther[link] = this.#root;
        this.#linkRise[link] = this.#gateValue[of]!;
        return;
      case CELL: {
        const cell = this.#linkCell[link]!;
        const key = this.#key[of]!;
        this.#linkOwn[link] = this.#hubOf(of, cell);
        this.#linkOther[link] = this.#hubOf(of, key);
        this.#linkRise[link] =
          (key === UNSERVED ? unservedCost : cellCost[key]!) - (cell === UNSERVED ? unservedCost : cellCost[cell]!);
        return;
      }
      default:
        this.#linkOwn[link] = of;
        this.#linkOther[link] = this.#root;
        this.#linkRise[link] = this.#excessCost[of]!;
    }
  }

  #roomOfCell(car: number, cell: number, sign: number): number {
    if (cell === UNSERVED) return sign > 0 ? Infinity : this.unserved[car]!;
    return sign > 0 ? this.#block.cellCapacity[cell]! - this.cellFlow[cell]! : this.cellFlow[cell]!;
  }

  #moveCell(car: number, cell: number, flow: number): void {
    if (cell === UNSERVED) this.unserved[car]! += flow;
    else this.cellFlow[cell]! += flow;
  }

  #roomOf(kind: number, of: number, cell: number, sign: number): number {
    switch (kind) {
      case EXIT:
        return sign > 0 ? this.#block.exitCapacity[of]! - this.#exitFlow[of]! : this.#exitFlow[of]!;
      case GATE:
        return sign > 0 ? this.#block.gateCapacity[of]! - this.gateFlow[of]! : this.gateFlow[of]!;
      case CELL:
        return this.#roomOfCell(of, cell, sign);
      default:
        return sign > 0 ? Infinity : this.#excessFlow[of]!;
    }
  }

  #move(kind: number, of: number, cell: number, flow: number): void {
    switch (kind) {
      case EXIT:
        this.#exitFlow[of]! += flow;
        return;
      case GATE:
        this.gateFlow[of]! += flow;
        return;
      case CELL:
        this.#moveCell(of, cell, flow);
        return;
      default:
        this.#excessFlow[of]! += flow;
    }
  }

  /** Hangs the tree anew from the root, and reads the hubs' prices off it: basic arcs have no reduced cost. */
  #rebuild(): void {
    const { hubs } = this.#block;
    const start = this.#adjacencyStart.fill(0);
    const adjacency = this.#adjacency;
    const own = this.#linkOwn;
    const other = this.#linkOther;
    const rise = this.#linkRise;
    const parent = this.#parent;
    const parentLink = this.#parentLink;
    const depth = this.#depth;
    const prices = this.price;
    for (let link = 0; link < hubs; link++) {
      start[own[link]! + 1]!++;
      start[other[link]! + 1]!++;
    }
    for (let node = 0; node <= hubs; node++) start[node + 1]! += start[node]!;
    // Each count becomes the beginning of the node before it.
    for (let link = hubs - 1; link >= 0; link--) {
      adjacency[--start[own[link]! + 1]!] = link;
      adjacency[--start[other[link]! + 1]!] = link;
    }
    const queue = this.#queue;
    let length = 1;
    queue[0] = hubs;
    parent[hubs] = -1;
    parentLink[hubs] = -1;
    depth[hubs] = 0;
    prices[hubs] = 0;
    let highest = 0;
    for (let k = 0; k < length; k++) {
      const node = queue[k]!;
      const end = node === hubs ? 2 * hubs : start[node + 2]!;
      for (let a = start[node + 1]!; a < end; a++) {
        const link = adjacency[a]!;
        if (link === parentLink[node]) continue;
        const outwards = other[link] === node;
        const next = outwards ? own[link]! : other[link]!;
        parent[next] = node;
        parentLink[next] = link;
        depth[next] = depth[node]! + 1;
        const price = outwards ? prices[node]! + rise[link]! : prices[node]! - rise[link]!;
        prices[next] = price;
        if (price > highest) highest = price;
        queue[length++] = next;
      }
    }
    this.#tolerance = Math.max(1e-10, 1e-14 * highest);
  }
}
