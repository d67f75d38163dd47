// Indices come from loops over the network's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */

/**
 * A flow network in columns. Capacities, supplies and flows are whole numbers of milliwatt-slots held in doubles:
 * exact up to 2^53, so nothing is lost by rounding and no tolerance is needed inside the solver.
 */
export interface FlowNetwork {
  readonly nodes: number;
  readonly tail: Int32Array;
  readonly head: Int32Array;
  readonly capacity: Float64Array;
  /** What each node has to send; it falls as it is served. */
  readonly supply: Float64Array;
}

/** A way out of the network: only here does flow cost anything. */
export interface Sink {
  readonly node: number;
  readonly capacity: number;
  readonly price: number;
}

export interface CheapestFlow {
  readonly flow: Float64Array;
  /** In the order of `sinks`. */
  readonly sinkFlow: Float64Array;
  /** Arcs out of and into each node, for walks over the result. */
  readonly adjacency: Adjacency;
}

interface Adjacency {
  readonly outStart: Int32Array;
  readonly outArc: Int32Array;
  readonly inStart: Int32Array;
  readonly inArc: Int32Array;
}

/**
 * Cheapest-sink-first maximum flow: opens the sinks by rising price and sends to each as much as can reach it. The
 * servable amounts form a polymatroid, so this greedy order has the least total cost (Edmonds 1970, Megiddo 1974).
 *
 * A sink that is opened is searched backwards, level by level (Dinic 1970). A search that ends without finding supply
 * has visited a set that no supply can reach: nothing in it changes again, so it is left out of every later search,
 * and all fruitless searches together cost one pass over the arcs.
 * @param sinks several may share a node; any order
 */
export function cheapestFlow(network: FlowNetwork, sinks: readonly Sink[]): CheapestFlow {
  const { nodes, tail, head, capacity, supply } = network;
  const adjacency = adjacencyOf(network);
  const { outStart, outArc, inStart, inArc } = adjacency;
  const flow = new Float64Array(tail.length);
  const sinkFlow = new Float64Array(sinks.length);
  const dead = new Uint8Array(nodes);
  const stamp = new Int32Array(nodes);
  const level = new Int32Array(nodes);
  const cursor = new Int32Array(nodes);
  const queue = new Int32Array(nodes);
  let search = 0;
  let target = 0;

  /** Sends up to `amount` from `node` to the target along falling levels; gives what arrived. */
  const push = (node: number, amount: number): number => {
    if (node === target) return amount;
    let sent = 0;
    const outs = outStart[node + 1]! - outStart[node]!;
    const arcs = outs + inStart[node + 1]! - inStart[node]!;
    for (; cursor[node]! < arcs; cursor[node]!++) {
      const k = cursor[node]!;
      const forward = k < outs;
      const arc = forward ? outArc[outStart[node]! + k]! : inArc[inStart[node]! + k - outs]!;
      const next = forward ? head[arc]! : tail[arc]!;
      if (stamp[next] !== search || level[next] !== level[node]! - 1) continue;
      const room = forward ? capacity[arc]! - flow[arc]! : flow[arc]!;
      if (room <= 0) continue;
      const arrived = push(next, Math.min(amount - sent, room));
      flow[arc]! += forward ? arrived : -arrived;
      sent += arrived;
      if (sent === amount) return sent;
    }
    return sent;
  };

  /** Searches backwards from the target; gives the number of supplied nodes found, which are queued from the end. */
  const searchBack = (): { readonly visited: number; readonly found: number[] } => {
    search++;
    const found: number[] = [];
    let visited = 1;
    queue[0] = target;
    stamp[target] = search;
    level[target] = 0;
    cursor[target] = 0;
    for (let at = 0; at < visited && found.length === 0; at++) {
      const node = queue[at]!;
      for (let k = inStart[node]!; k < inStart[node + 1]!; k++) {
        const arc = inArc[k]!;
        const before = tail[arc]!;
        if (stamp[before] === search || dead[before] === 1 || flow[arc]! >= capacity[arc]!) continue;
        stamp[before] = search;
        level[before] = level[node]! + 1;
        cursor[before] = 0;
        queue[visited++] = before;
        if (supply[before]! > 0) found.push(before);
      }
      for (let k = outStart[node]!; k < outStart[node + 1]!; k++) {
        const arc = outArc[k]!;
        const before = head[arc]!;
        if (flow[arc]! <= 0 || stamp[before] === search || dead[before] === 1) continue;
        stamp[before] = search;
        level[before] = level[node]! + 1;
        cursor[before] = 0;
        queue[visited++] = before;
        if (supply[before]! > 0) found.push(before);
      }
    }
    return { visited, found };
  };

  const order = Array.from(sinks.keys()).sort((a, b) => sinks[a]!.price - sinks[b]!.price || a - b);
  let supplyLeft = supply.reduce((sum, value) => sum + value, 0);
  for (const index of order) {
    if (supplyLeft <= 0) break;
    target = sinks[index]!.node;
    if (dead[target] === 1) continue;
    let room = sinks[index]!.capacity;
    if (supply[target]! > 0) {
      const own = Math.min(room, supply[target]!);
      supply[target]! -= own;
      sinkFlow[index]! += own;
      room -= own;
      supplyLeft -= own;
    }
    while (room > 0) {
      const { visited, found } = searchBack();
      if (found.length === 0) {
        for (let at = 0; at < visited; at++) dead[queue[at]!] = 1;
        break;
      }
      for (const node of found) {
        const sent = push(node, Math.min(supply[node]!, room));
        supply[node]! -= sent;
        sinkFlow[index]! += sent;
        room -= sent;
        supplyLeft -= sent;
        if (room <= 0) break;
      }
    }
  }
  return { flow, sinkFlow, adjacency };
}

/**
 * Marginal price at each node of a cheapest flow: the highest price of a used sink whose load could be moved through
 * the node. -Infinity where there is none. Rents are these less the sink's own price: the least duals, which say what
 * one more unit of a limit saves.
 */
export function nodePrices(network: FlowNetwork, sinks: readonly Sink[], result: CheapestFlow): Float64Array {
  const { tail, head, capacity } = network;
  const { flow, sinkFlow } = result;
  const { outStart, outArc, inStart, inArc } = result.adjacency;
  const price = new Float64Array(network.nodes).fill(-Infinity);
  const queue = new Int32Array(network.nodes);
  const used = Array.from(sinks.keys()).filter((index) => sinkFlow[index]! > 0);
  used.sort((a, b) => sinks[b]!.price - sinks[a]!.price);
  for (const index of used) {
    const sink = sinks[index]!;
    if (price[sink.node]! > -Infinity) continue;
    let visited = 1;
    queue[0] = sink.node;
    price[sink.node] = sink.price;
    for (let at = 0; at < visited; at++) {
      const node = queue[at]!;
      for (let k = outStart[node]!; k < outStart[node + 1]!; k++) {
        const arc = outArc[k]!;
        const next = head[arc]!;
        if (price[next]! > -Infinity || flow[arc]! >= capacity[arc]!) continue;
        price[next] = sink.price;
        queue[visited++] = next;
      }
      for (let k = inStart[node]!; k < inStart[node + 1]!; k++) {
        const arc = inArc[k]!;
        const next = tail[arc]!;
        if (price[next]! > -Infinity || flow[arc]! <= 0) continue;
        price[next] = sink.price;
        queue[visited++] = next;
      }
    }
  }
  return price;
}

function adjacencyOf({ nodes, tail, head }: FlowNetwork): Adjacency {
  const [outStart, outArc] = bucket(tail, nodes);
  const [inStart, inArc] = bucket(head, nodes);
  return { outStart, outArc, inStart, inArc };
}

/** Arcs grouped by node, in the order in which they were added. */
function bucket(nodeOfArc: Int32Array, nodes: number): [Int32Array, Int32Array] {
  const start = new Int32Array(nodes + 1);
  for (const node of nodeOfArc) start[node + 1]!++;
  for (let node = 0; node < nodes; node++) start[node + 1]! += start[node]!;
  const next = start.slice(0, nodes);
  const arcs = new Int32Array(nodeOfArc.length);
  for (let arc = 0; arc < nodeOfArc.length; arc++) arcs[next[nodeOfArc[arc]!]!++] = arc;
  return [start, arcs];
}
