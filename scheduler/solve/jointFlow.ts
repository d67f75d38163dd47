import { at } from '../columns.ts';
import { cheapestFlow, nodePrices, type FlowNetwork, type Sink } from './flowNetwork.ts';
import { gateRow, shardsPerCar, type LimitPrices, type Relaxation } from './relaxation.ts';

/** Flows are whole quanta; their sum must stay below 2^53 to be exact. */
const MAX_QUANTA = 2 ** 52;
const MAX_QUANTA_PER_KW = 2 ** 30;

export interface JointFlow {
  readonly chargeKw: Float64Array;
  readonly gateCarsOfJob: Float64Array[];
  readonly prices: LimitPrices;
}

/**
 * kWh at the plug that a shard of each job costs, when that is the same in every slot, region and class where the job
 * may run; undefined when it is not, since flow on an arc would then have to change in passing.
 */
export function uniformKwhPerShard(relaxation: Relaxation): Float64Array | undefined {
  const { problem, gateCars } = relaxation;
  const kwhPerShard = new Float64Array(problem.jobs.length);
  for (let row = 0; row < problem.feeders * problem.classes; row++) {
    const { region, hardwareClass } = gateRow(problem, row);
    for (let t = 0; t < problem.slots; t++) {
      if (at(gateCars, row * problem.slots + t) <= 0) continue;
      const plug = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * problem.slots + t);
      for (let j = 0; j < problem.jobs.length; j++) {
        const shards = shardsPerCar(problem, j, region, hardwareClass, t);
        if (shards <= 0) continue;
        const kwh = (plug * problem.slotHours) / shards;
        if (at(kwhPerShard, j) === 0) kwhPerShard[j] = kwh;
        else if (Math.abs(kwh - at(kwhPerShard, j)) > 1e-12 * kwh) return undefined;
      }
    }
  }
  return kwhPerShard;
}

/**
 * Charging and compute together on the shared limits, exactly: cars and jobs send kW·slots through gates and feeders
 * to the slots, whose price is paid on the last arc only. Feeders of one substation must have one price.
 * @param kwhPerShard as `uniformKwhPerShard` gives it
 */
export function jointFlow(relaxation: Relaxation, kwhPerShard: Float64Array): JointFlow {
  const { problem } = relaxation;
  const { slots } = problem;
  const built = buildNetwork(relaxation, kwhPerShard);
  const { network, sinks, nodeOf, quantaPerKw } = built;
  const result = cheapestFlow(network, sinks);

  const chargeKw = new Float64Array(relaxation.chargeCapKw.length);
  for (let arc = 0; arc < built.chargeArcs; arc++) {
    chargeKw[at(built.cellOfChargeArc, arc)] = at(result.flow, arc) / quantaPerKw;
  }
  const gateCarsOfJob = problem.jobs.map(() => new Float64Array(relaxation.gateCars.length));
  for (const { arc, job, gate, plugKw } of built.jobArcs) {
    const gateCars = gateCarsOfJob[job];
    if (gateCars) gateCars[gate] = at(result.flow, arc) / quantaPerKw / plugKw;
  }

  // What owners could not be served is the dearest use of all; it sets the rents around them.
  const unserved: Sink[] = [];
  const unservedFlow: number[] = [];
  for (let car = 0; car < problem.cars.count; car++) {
    const left = at(network.supply, car);
    if (left <= 0) continue;
    unserved.push({ node: car, capacity: Infinity, price: problem.ownerPenaltyEurPerKwh });
    unservedFlow.push(left);
  }
  const price = nodePrices(network, [...sinks, ...unserved], {
    ...result,
    sinkFlow: Float64Array.from([...result.sinkFlow, ...unservedFlow]),
  });
  const feederRent = new Float64Array(problem.feeders * slots);
  const substationRent = new Float64Array(problem.substations * slots);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const region = at(problem.regionOfFeeder, feeder);
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      const cost = at(problem.unitCostEurPerKwh, region * slots + t);
      const stationPrice = station < 0 ? cost : Math.max(cost, at(price, nodeOf.station + station * slots + t));
      const feederPrice = Math.max(stationPrice, at(price, nodeOf.feeder + feeder * slots + t));
      feederRent[feeder * slots + t] = feederPrice - stationPrice;
      if (station >= 0) substationRent[station * slots + t] = stationPrice - cost;
    }
  }
  const jobPriceEurPerShard = Float64Array.from(problem.jobs, (job, j) => {
    const perKwh = at(price, nodeOf.job + j);
    if (perKwh > -Infinity && at(kwhPerShard, j) > 0) return perKwh * at(kwhPerShard, j);
    return job.shards === 0 ? -job.penaltyEurPerShard : job.penaltyEurPerShard;
  });
  return {
    chargeKw,
    gateCarsOfJob,
    prices: { feederRentEurPerKwh: feederRent, substationRentEurPerKwh: substationRent, jobPriceEurPerShard },
  };
}

interface JobArc {
  readonly arc: number;
  readonly job: number;
  readonly gate: number;
  readonly plugKw: number;
}

function buildNetwork(relaxation: Relaxation, kwhPerShard: Float64Array) {
  const { problem, layout, chargeCapKw, gateCars } = relaxation;
  const { cars, slots, jobs } = problem;
  const quantaPerKw = quantaPerKwFor(relaxation, kwhPerShard);
  const nodeOf = {
    job: cars.count,
    feeder: cars.count + jobs.length,
    station: cars.count + jobs.length + problem.feeders * slots,
    gate: cars.count + jobs.length + (problem.feeders + problem.substations) * slots,
  };
  const jobArcs: JobArc[] = [];
  const gates: { readonly feederCell: number; readonly capacity: number }[] = [];
  for (let row = 0; row < problem.feeders * problem.classes; row++) {
    const { feeder, region, hardwareClass } = gateRow(problem, row);
    for (let t = 0; t < slots; t++) {
      const gate = row * slots + t;
      const plugKw = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
      const capacity = Math.floor(at(gateCars, gate) * plugKw * quantaPerKw);
      if (capacity <= 0) continue;
      const before = jobArcs.length;
      for (let job = 0; job < jobs.length; job++) {
        if (shardsPerCar(problem, job, region, hardwareClass, t) > 0)
          jobArcs.push({ arc: gates.length, job, gate, plugKw });
      }
      if (jobArcs.length > before) gates.push({ feederCell: feeder * slots + t, capacity });
    }
  }
  const stationArcs = [];
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const station = at(problem.substationOfFeeder, feeder);
    if (station >= 0)
      for (let t = 0; t < slots; t++)
        stationArcs.push({ feederCell: feeder * slots + t, node: nodeOf.station + station * slots + t });
  }
  let chargeArcs = 0;
  for (let car = 0; car < cars.count; car++) {
    if (at(relaxation.energyKwSlots, car) > 0) chargeArcs += at(cars.chargeUntil, car) - at(cars.from, car);
  }
  const arcs = chargeArcs + jobArcs.length + gates.length + stationArcs.length;
  const network: FlowNetwork = {
    nodes: nodeOf.gate + gates.length,
    tail: new Int32Array(arcs),
    head: new Int32Array(arcs),
    capacity: new Float64Array(arcs),
    supply: new Float64Array(nodeOf.gate + gates.length),
  };
  const cellOfChargeArc = new Float64Array(chargeArcs);
  let arc = 0;
  const add = (tail: number, head: number, capacity: number): void => {
    network.tail[arc] = tail;
    network.head[arc] = head;
    network.capacity[arc] = capacity;
    arc++;
  };
  for (const car of carsByLaxity(relaxation)) {
    network.supply[car] = Math.round(at(relaxation.energyKwSlots, car) * quantaPerKw);
    const first = at(layout.offset, car) - at(cars.from, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++) {
      cellOfChargeArc[arc] = first + t;
      add(car, nodeOf.feeder + at(cars.feeder, car) * slots + t, Math.round(at(chargeCapKw, first + t) * quantaPerKw));
    }
  }
  const numbered = jobArcs.map((jobArc) => {
    const numberedArc = { ...jobArc, arc };
    add(nodeOf.job + jobArc.job, nodeOf.gate + jobArc.arc, Infinity);
    return numberedArc;
  });
  for (const [index, { feederCell, capacity }] of gates.entries()) {
    add(nodeOf.gate + index, nodeOf.feeder + feederCell, capacity);
  }
  for (const { feederCell, node } of stationArcs) {
    add(nodeOf.feeder + feederCell, node, Math.floor(at(relaxation.feederCapKw, feederCell) * quantaPerKw));
  }
  for (const [j, job] of jobs.entries()) {
    // A job that nothing can serve keeps its own unit; all of it goes to its penalty.
    const kwSlots = (job.shards * (at(kwhPerShard, j) || 1)) / problem.slotHours;
    network.supply[nodeOf.job + j] = Math.round(kwSlots * quantaPerKw);
  }
  const sinks = sinksOf(relaxation, kwhPerShard, nodeOf, quantaPerKw);
  return { network, sinks, nodeOf, quantaPerKw, chargeArcs, cellOfChargeArc, jobArcs: numbered };
}

function quantaPerKwFor({ problem, energyKwSlots }: Relaxation, kwhPerShard: Float64Array): number {
  let kwSlots = energyKwSlots.reduce((sum, energy) => sum + energy, 1);
  for (const [j, job] of problem.jobs.entries())
    kwSlots += (job.shards * (at(kwhPerShard, j) || 1)) / problem.slotHours;
  return Math.min(MAX_QUANTA_PER_KW, 2 ** Math.floor(Math.log2(MAX_QUANTA / kwSlots)));
}

function sinksOf(
  { problem, feederCapKw, substationCapKw }: Relaxation,
  kwhPerShard: Float64Array,
  nodeOf: { readonly job: number; readonly feeder: number; readonly station: number },
  quantaPerKw: number,
): Sink[] {
  const { slots } = problem;
  const sinks: Sink[] = [];
  const stationRegion = new Int32Array(problem.substations);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const region = at(problem.regionOfFeeder, feeder);
    const station = at(problem.substationOfFeeder, feeder);
    if (station >= 0) {
      stationRegion[station] = region;
      continue;
    }
    for (let t = 0; t < slots; t++) {
      const cell = feeder * slots + t;
      const capacity = Math.floor(at(feederCapKw, cell) * quantaPerKw);
      sinks.push({ node: nodeOf.feeder + cell, capacity, price: at(problem.unitCostEurPerKwh, region * slots + t) });
    }
  }
  for (let cell = 0; cell < problem.substations * slots; cell++) {
    const region = at(stationRegion, Math.floor(cell / slots));
    const capacity = Math.floor(at(substationCapKw, cell) * quantaPerKw);
    sinks.push({
      node: nodeOf.station + cell,
      capacity,
      price: at(problem.unitCostEurPerKwh, region * slots + (cell % slots)),
    });
  }
  for (const [j, job] of problem.jobs.entries()) {
    const price = job.penaltyEurPerShard / (at(kwhPerShard, j) || 1);
    sinks.push({ node: nodeOf.job + j, capacity: Infinity, price });
  }
  return sinks;
}

/** Cars with the least room to move first: those that direct filling serves first need fewer detours later. */
function carsByLaxity({ problem, energyKwSlots }: Relaxation): Int32Array {
  const { cars } = problem;
  const laxity = new Float64Array(cars.count);
  const order = new Int32Array(cars.count);
  let count = 0;
  for (let car = 0; car < cars.count; car++) {
    if (at(energyKwSlots, car) <= 0) continue;
    laxity[car] = at(cars.chargeUntil, car) - at(cars.from, car) - at(energyKwSlots, car) / at(cars.maxKw, car);
    order[count++] = car;
  }
  return order.subarray(0, count).sort((a, b) => at(laxity, a) - at(laxity, b) || a - b);
}
