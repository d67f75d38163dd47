// Indices come from the block that the tree is of; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */

/**
 * Spanning tree of a block's hubs and the root, whose links have no reduced cost: prices of hubs follow from it. A link
 * that is exchanged for another re-hangs what was below it only.
 */
export class HubTree {
  readonly root: number;
  /** Hub of a link's exit, gate or cell, the node at its other end, and what the first's price is above the other's. */
  readonly own: Int32Array;
  readonly other: Int32Array;
  readonly rise: Float64Array;
  readonly parent: Int32Array;
  readonly parentLink: Int32Array;
  readonly depth: Int32Array;
  /** EUR per kWh of the limits at a hub: its own rent and those of the hubs behind it. */
  readonly price: Float64Array;
  /** Highest price that has come up since the tree was hung as a whole. */
  highest = 0;
  readonly #firstChild: Int32Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  readonly #adjacencyStart: Int32Array;
  readonly #adjacency: Int32Array;
  readonly #queue: Int32Array;

  constructor(hubs: number) {
    this.root = hubs;
    this.own = new Int32Array(hubs);
    this.other = new Int32Array(hubs);
    this.rise = new Float64Array(hubs);
    this.parent = new Int32Array(hubs + 1);
    this.parentLink = new Int32Array(hubs + 1);
    this.depth = new Int32Array(hubs + 1);
    this.price = new Float64Array(hubs + 1);
    this.#firstChild = new Int32Array(hubs + 1);
    this.#next = new Int32Array(hubs + 1);
    this.#before = new Int32Array(hubs + 1);
    this.#adjacencyStart = new Int32Array(hubs + 2);
    this.#adjacency = new Int32Array(2 * hubs);
    this.#queue = new Int32Array(hubs + 1);
  }

  /** The end of a link that hangs on it. */
  below(link: number): number {
    const own = this.own[link]!;
    return this.parentLink[own] === link ? own : this.other[link]!;
  }

  /**
   * Hangs what lost its link onto the ends that stand in the same place now.
   * @param below as it was for the link that left
   */
  rehang(link: number, below: number): void {
    const { parent, parentLink } = this;
    let inner = this.own[link]!;
    let node = inner;
    while (node !== below && node !== this.root) node = parent[node]!;
    if (node !== below) inner = this.other[link]!;
    let above = inner === this.own[link]! ? this.other[link]! : this.own[link]!;
    let by = link;
    for (node = inner; ;) {
      const parentBefore = parent[node]!;
      const linkBefore = parentLink[node]!;
      this.#unhang(node, parentBefore);
      this.#hang(node, above);
      parentLink[node] = by;
      if (node === below) break;
      above = node;
      by = linkBefore;
      node = parentBefore;
    }
    this.#read(inner);
  }

  #unhang(node: number, parent: number): void {
    const before = this.#before[node]!;
    const next = this.#next[node]!;
    if (before >= 0) this.#next[before] = next;
    else this.#firstChild[parent] = next;
    if (next >= 0) this.#before[next] = before;
  }

  #hang(node: number, parent: number): void {
    this.parent[node] = parent;
    const first = this.#firstChild[parent]!;
    this.#before[node] = -1;
    this.#next[node] = first;
    if (first >= 0) this.#before[first] = node;
    this.#firstChild[parent] = node;
  }

  /** Reads depths and prices off the links, from a node on downwards. */
  #read(from: number): void {
    const { parent, parentLink, depth, price, own, rise } = this;
    const stack = this.#queue;
    let length = 1;
    stack[0] = from;
    while (length > 0) {
      const node = stack[--length]!;
      const above = parent[node]!;
      const link = parentLink[node]!;
      depth[node] = depth[above]! + 1;
      const value = own[link] === node ? price[above]! + rise[link]! : price[above]! - rise[link]!;
      price[node] = value;
      if (value > this.highest) this.highest = value;
      for (let child = this.#firstChild[node]!; child >= 0; child = this.#next[child]!) stack[length++] = child;
    }
  }

  /** Hangs the tree anew from the root by all of its links. */
  rebuild(): void {
    const { root: hubs, own, other, parentLink } = this;
    const start = this.#adjacencyStart.fill(0);
    const adjacency = this.#adjacency;
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
    this.#firstChild.fill(-1);
    const queue = this.#queue;
    let length = 1;
    queue[0] = hubs;
    this.parent[hubs] = -1;
    parentLink[hubs] = -1;
    this.depth[hubs] = 0;
    this.price[hubs] = 0;
    this.highest = 0;
    for (let k = 0; k < length; k++) {
      const node = queue[k]!;
      const end = node === hubs ? 2 * hubs : start[node + 2]!;
      for (let a = start[node + 1]!; a < end; a++) {
        const link = adjacency[a]!;
        if (link === parentLink[node]) continue;
        const next = other[link] === node ? own[link]! : other[link]!;
        this.#hang(next, node);
        parentLink[next] = link;
        queue[length++] = next;
      }
    }
    for (let child = this.#firstChild[hubs]!; child >= 0; child = this.#next[child]!) this.#read(child);
  }
}
