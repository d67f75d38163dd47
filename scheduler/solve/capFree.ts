import { at } from '../columns.ts';
import { cheapestFlow, nodePrices, type Sink } from './flowNetwork.ts';
import { cheapestFirst } from './cheapestFirst.ts';
import { gateRow, shardsPerCar, type Relaxation } from './relaxation.ts';

/** Whole numbers inside the flow solver: one shard-equivalent is this many. */
const QUANTA_PER_TOKEN = 1e6;

/**
 * Each car takes the cheapest slots of its window, as if no limit were shared.
 * @returns kW per car and slot
 */
export function chargeCheapest(relaxation: Relaxation): Float64Array {
  const { problem, layout, chargeCapKw, chargeCostEurPerKwh, energyKwSlots } = relaxation;
  const { cars, slots } = problem;
  const chargeKw = new Float64Array(chargeCapKw.length);
  const order = new Int32Array(slots);
  for (let car = 0; car < cars.count; car++) {
    let left = at(energyKwSlots, car);
    if (left <= 0) continue;
    const first = at(layout.offset, car);
    const count = at(cars.chargeUntil, car) - at(cars.from, car);
    cheapestFirst(chargeCostEurPerKwh.subarray(first, first + count), count, order);
    for (let k = 0; k < count && left > 0; k++) {
      const cell = first + at(order, k);
      const kw = Math.min(left, at(chargeCapKw, cell));
      chargeKw[cell] = kw;
      left -= kw;
    }
  }
  return chargeKw;
}

export interface CheapestCompute {
  readonly gateCarsOfJob: Float64Array[];
  readonly jobPriceEurPerShard: Float64Array;
}

/**
 * Serves the jobs where a shard is cheapest, exactly, as if feeders had room. Needs speeds that factor into a part of
 * the class and a part of the job; gives undefined when they do not.
 * @param price EUR per kWh by (feeder, slot)
 */
export function computeCheapest(relaxation: Relaxation, price: Float64Array): CheapestCompute | undefined {
  const { problem, gateCars } = relaxation;
  const { slots, jobs } = problem;
  const factors = speedFactors(relaxation);
  if (factors === undefined) return undefined;
  const { tokensPerShard, tokensPerCar } = factors;
  const rows = problem.feeders * problem.classes;
  const sinks: Sink[] = [];
  const gateOfNode: number[] = [];
  const tail: number[] = [];
  const head: number[] = [];
  for (let row = 0; row < rows; row++) {
    const { feeder, region, hardwareClass } = gateRow(problem, row);
    for (let t = 0; t < slots; t++) {
      const tokens = Math.floor(at(gateCars, row * slots + t) * at(tokensPerCar, row * slots + t) * QUANTA_PER_TOKEN);
      if (tokens <= 0) continue;
      const node = jobs.length + gateOfNode.length;
      const arcsBefore = tail.length;
      for (let j = 0; j < jobs.length; j++) {
        if (shardsPerCar(problem, j, region, hardwareClass, t) <= 0) continue;
        tail.push(j);
        head.push(node);
      }
      if (tail.length === arcsBefore) continue;
      gateOfNode.push(row * slots + t);
      const kwh = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t) * problem.slotHours;
      const eurPerToken = (kwh * at(price, feeder * slots + t)) / at(tokensPerCar, row * slots + t);
      sinks.push({ node, capacity: tokens, price: eurPerToken });
    }
  }
  for (let j = 0; j < jobs.length; j++) {
    const penalty = (jobs[j]?.penaltyEurPerShard ?? 0) / at(tokensPerShard, j);
    sinks.push({ node: j, capacity: Infinity, price: penalty });
  }
  const network = {
    nodes: jobs.length + gateOfNode.length,
    tail: Int32Array.from(tail),
    head: Int32Array.from(head),
    capacity: new Float64Array(tail.length).fill(Infinity),
    supply: new Float64Array(jobs.length + gateOfNode.length),
  };
  for (const [j, job] of jobs.entries()) {
    network.supply[j] = Math.round(job.shards * at(tokensPerShard, j) * QUANTA_PER_TOKEN);
  }
  const result = cheapestFlow(network, sinks);
  const nodePrice = nodePrices(network, sinks, result);
  const gateCarsOfJob = jobs.map(() => new Float64Array(gateCars.length));
  for (let arc = 0; arc < tail.length; arc++) {
    const gate = gateOfNode[at(network.head, arc) - jobs.length] ?? 0;
    const cars = gateCarsOfJob[at(network.tail, arc)];
    if (cars) cars[gate] = at(result.flow, arc) / QUANTA_PER_TOKEN / at(tokensPerCar, gate);
  }
  const jobPriceEurPerShard = Float64Array.from(jobs, (job, j) => {
    const perToken = at(nodePrice, j);
    // A job without work has no marginal price; this one makes every gate worthless to it.
    return perToken > -Infinity ? perToken * at(tokensPerShard, j) : job.shards === 0 ? -job.penaltyEurPerShard : 0;
  });
  return { gateCarsOfJob, jobPriceEurPerShard };
}

/** Splits shards per car into tokens per car of the gate and tokens per shard of the job, if that is possible. */
function speedFactors({
  problem,
  gateCars,
}: Relaxation): { readonly tokensPerShard: Float64Array; readonly tokensPerCar: Float64Array } | undefined {
  const { slots, classes, jobs } = problem;
  const speed = new Float64Array(classes);
  const tokensPerShard = new Float64Array(jobs.length);
  // Classes are tied together by the jobs that run on several of them: from the first job of each group on until nothing
  // more follows.
  for (;;) {
    let follows = false;
    for (const [j, job] of jobs.entries()) {
      for (let h = 0; h < classes; h++) {
        const shards = at(job.shardsPerSlot, h);
        if (shards <= 0 || at(tokensPerShard, j) > 0 === at(speed, h) > 0) continue;
        if (at(speed, h) === 0) speed[h] = shards * at(tokensPerShard, j);
        else tokensPerShard[j] = at(speed, h) / shards;
        follows = true;
      }
    }
    if (follows) continue;
    const next = jobs.findIndex(
      (job, j) => at(tokensPerShard, j) === 0 && job.shardsPerSlot.some((shards) => shards > 0),
    );
    if (next < 0) break;
    tokensPerShard[next] = 1;
  }
  for (const [j, job] of jobs.entries()) {
    if (at(tokensPerShard, j) === 0) tokensPerShard[j] = 1;
    for (let h = 0; h < classes; h++) {
      const shards = at(job.shardsPerSlot, h);
      if (shards <= 0) continue;
      if (Math.abs(shards * at(tokensPerShard, j) - at(speed, h)) > 1e-12 * at(speed, h)) return undefined;
    }
  }
  const tokensPerCar = new Float64Array(gateCars.length);
  for (let row = 0; row < problem.feeders * classes; row++) {
    const { region, hardwareClass } = gateRow(problem, row);
    for (let t = 0; t < slots; t++) {
      tokensPerCar[row * slots + t] = at(speed, hardwareClass) * at(problem.derate, region * slots + t);
    }
  }
  return { tokensPerShard, tokensPerCar };
}
