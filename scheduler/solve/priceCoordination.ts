import { at } from '../columns.ts';
import { BlockFlow } from './blockFlow.ts';
import { feedersByBlock, layOutBlock, mayBind, quantaPerKwOf, type LaidOutBlock } from './blocks.ts';
import { chargeCheapest, computeCheapest } from './capFree.ts';
import { ColumnMaster, type BlockColumn } from './columnMaster.ts';
import { pricesWithRent } from './lowerBound.ts';
import { gateRow, type LimitPrices, type Relaxation } from './relaxation.ts';

/** Cost above the bound, as a part of the cost without penalties, that ends the search for the jobs' prices. */
const ACCEPTED_GAP = 1e-7;
const MAX_ROUNDS = 400;
/** Jobs' prices are sought within so much of the best so far (boxstep: Marsten, Hogan and Blankenship 1975). */
const START_WIDTH = 0.01;

export interface Coordinated {
  readonly chargeKw: Float64Array;
  readonly gateCarsOfJob: Float64Array[];
  readonly prices: LimitPrices;
  readonly rounds: number;
}

/** What a block does at one price per job, and which gates it opens for which job. */
interface Answer extends BlockColumn {
  readonly gateKw: Float64Array;
  readonly gateJob: Int16Array;
}

interface Working {
  readonly laidOut: LaidOutBlock;
  readonly flow: BlockFlow;
  readonly gateValue: Float64Array;
  readonly gateJob: Int16Array;
  idleEur: number;
  /** Prices of its hubs when the bound was best. */
  price: Float64Array;
}

/**
 * Charging and compute on shared limits, when cars' prices differ and a shard's energy depends on temperature and class.
 * Feeders, or substations with theirs, are blocks that only the jobs tie together. At given prices per shard a block is
 * a pure network, which `BlockFlow` solves exactly; a small program mixes the blocks' answers so that each job gets its
 * shards, and gives the next prices (Dantzig and Wolfe 1960). The bound at the best prices and the cost of the mix
 * enclose the optimum. At last charging is solved once more beside the mix's compute.
 * @param freeChargeKw every car in its cheapest slots
 * @param start prices to begin with: those of the last plan; undefined where there is none
 */
export function coordinate(
  relaxation: Relaxation,
  freeChargeKw: Float64Array,
  start: LimitPrices | undefined,
  acceptedGap = ACCEPTED_GAP,
): Coordinated {
  const { problem } = relaxation;
  const quantaPerKw = quantaPerKwOf(relaxation);
  const near = start ?? roughPrices(relaxation);
  const jobPrice = Float64Array.from(near?.jobPriceEurPerShard ?? cheapestShards(relaxation));
  clip(relaxation, jobPrice);
  const blocks = layOut(relaxation, freeChargeKw, quantaPerKw).map((laidOut) =>
    begin(relaxation, laidOut, jobPrice, near),
  );
  const work = Float64Array.from(problem.jobs, (job) => job.shards);
  const penalty = Float64Array.from(problem.jobs, (job) => job.penaltyEurPerShard);
  let master: ColumnMaster | undefined;
  let bestPrice = Float64Array.from(jobPrice);
  let bestBound = -Infinity;
  let width = near ? START_WIDTH : 16 * START_WIDTH;
  let mixEur = 0;
  const columns: Answer[] = [];
  let rounds = 0;
  for (; rounds < MAX_ROUNDS; rounds++) {
    let boundEur = 0;
    for (let j = 0; j < work.length; j++) boundEur += at(jobPrice, j) * at(work, j);
    const answers = blocks.map((working, index) => answer(relaxation, working, index, jobPrice, quantaPerKw));
    if (rounds === 0) {
      for (const [index, working] of blocks.entries()) {
        working.idleEur = answers[index]?.costEur ?? 0;
        for (let g = 0; g < working.gateJob.length; g++) {
          working.idleEur -= gateEur(relaxation, working.laidOut, g, at(answers[index]?.gateKw ?? EMPTY, g));
        }
      }
      const idle = blocks.map((working, block) => idleAnswer(working, block, work.length));
      columns.push(...idle);
      master = new ColumnMaster(idle, work, penalty);
    }
    if (master === undefined) break;
    let scaleEur = 1e-9;
    for (const [index, working] of blocks.entries()) {
      const given = answers[index];
      if (given === undefined) continue;
      const column = { ...given, costEur: given.costEur - working.idleEur };
      boundEur += column.costEur;
      for (let j = 0; j < work.length; j++) boundEur -= at(jobPrice, j) * at(given.shards, j);
      scaleEur += Math.abs(working.idleEur - unservedEur(relaxation, working, quantaPerKw));
      columns.push(column);
      master.add(column);
    }
    if (boundEur > bestBound) {
      if (rounds > 0) width *= 2;
      bestBound = boundEur;
      bestPrice = Float64Array.from(jobPrice);
      for (const working of blocks) working.price = Float64Array.from(working.flow.price);
    } else width /= 3;
    const scale = bestPrice.map((price, j) => Math.max(Math.abs(price), 1e-3 * at(penalty, j)));
    for (;;) {
      master.boxPrices(
        bestPrice.map((price, j) => price - width * at(scale, j)),
        bestPrice.map((price, j) => price + width * at(scale, j)),
      );
      mixEur = master.solve();
      if (mixEur - bestBound > acceptedGap * (scaleEur + Math.abs(mixEur)) || !master.trades) break;
      // Nothing better within the box, and still no mix: the box is too small.
      width *= 10;
    }
    if (work.length === 0 || mixEur - bestBound <= acceptedGap * (scaleEur + Math.abs(mixEur))) break;
    for (let j = 0; j < work.length; j++) jobPrice[j] = at(master.dual, blocks.length + j);
    clip(relaxation, jobPrice);
  }
  if (master?.trades) {
    master.boxPrices(
      work.map(() => -Infinity),
      penalty,
    );
    master.solve();
  }
  const gateCarsOfJob = mixCompute(relaxation, blocks, columns, master?.parts() ?? new Map<number, number>());
  const chargeKw = chargeBeside(relaxation, blocks, gateCarsOfJob, freeChargeKw, quantaPerKw);
  return { chargeKw, gateCarsOfJob, prices: readPrices(relaxation, blocks, bestPrice), rounds };
}

const EMPTY = new Float64Array();

/** Prices of the same problem with one car in four, each for four: near the true ones, and found in a fraction of the time. */
function roughPrices(relaxation: Relaxation): LimitPrices | undefined {
  const sample = sampled(relaxation);
  return sample && coordinate(sample, chargeCheapest(sample), undefined, ROUGH_GAP).prices;
}

/** One car in so many stands for all in the rough problem, which is solved to a gap that suits its error. */
const SAMPLED_CARS = 4;
const ROUGH_GAP = 1e-4;
/** A sample leaves at least so many cars on an average feeder. */
const MIN_CARS_PER_FEEDER = 24;

function sampled(relaxation: Relaxation): Relaxation | undefined {
  const { problem, layout } = relaxation;
  const { cars } = problem;
  if (cars.count < SAMPLED_CARS * MIN_CARS_PER_FEEDER * problem.feeders) return undefined;
  const seen = new Int32Array(problem.feeders);
  const kept: number[] = [];
  for (let car = 0; car < cars.count; car++) {
    if (at(relaxation.energyKwSlots, car) <= 0) continue;
    const feeder = at(cars.feeder, car);
    if (at(seen, feeder) % SAMPLED_CARS === 0) kept.push(car);
    seen[feeder] = at(seen, feeder) + 1;
  }
  const pick = (column: Int32Array): Int32Array => Int32Array.from(kept, (car) => at(column, car));
  const offset = new Float64Array(kept.length + 1);
  for (const [k, car] of kept.entries())
    offset[k + 1] = at(offset, k) + at(layout.offset, car + 1) - at(layout.offset, car);
  const chargeCapKw = new Float64Array(at(offset, kept.length));
  const chargeCostEurPerKwh = new Float64Array(chargeCapKw.length);
  for (const [k, car] of kept.entries()) {
    const [from, until] = [at(layout.offset, car), at(layout.offset, car + 1)];
    chargeCapKw.set(relaxation.chargeCapKw.subarray(from, until), at(offset, k));
    chargeCostEurPerKwh.set(relaxation.chargeCostEurPerKwh.subarray(from, until), at(offset, k));
  }
  for (let cell = 0; cell < chargeCapKw.length; cell++) chargeCapKw[cell] = SAMPLED_CARS * at(chargeCapKw, cell);
  return {
    ...relaxation,
    problem: {
      ...problem,
      cars: {
        ...cars,
        count: kept.length,
        feeder: pick(cars.feeder),
        from: pick(cars.from),
        chargeUntil: pick(cars.chargeUntil),
        until: pick(cars.until),
      },
    },
    layout: { ...layout, offset },
    chargeCapKw,
    chargeCostEurPerKwh,
    energyKwSlots: Float64Array.from(kept, (car) => SAMPLED_CARS * at(relaxation.energyKwSlots, car)),
  };
}

/** Prices of shards where feeders have room; where that has no simple answer, what a shard left undone costs. */
function cheapestShards(relaxation: Relaxation): Float64Array {
  const { problem } = relaxation;
  const free: LimitPrices = {
    feederRentEurPerKwh: new Float64Array(problem.feeders * problem.slots),
    substationRentEurPerKwh: new Float64Array(problem.substations * problem.slots),
    jobPriceEurPerShard: new Float64Array(problem.jobs.length),
  };
  const compute = computeCheapest(relaxation, pricesWithRent(relaxation, free));
  return compute?.jobPriceEurPerShard ?? Float64Array.from(problem.jobs, (job) => job.penaltyEurPerShard);
}

function clip({ problem }: Relaxation, jobPrice: Float64Array): void {
  for (const [j, job] of problem.jobs.entries()) {
    jobPrice[j] = job.shards === 0 ? 0 : Math.min(job.penaltyEurPerShard, at(jobPrice, j));
  }
}

function layOut(relaxation: Relaxation, freeChargeKw: Float64Array, quantaPerKw: number): LaidOutBlock[] {
  const { cars, slots, feeders, classes } = relaxation.problem;
  const loadKw = new Float64Array(feeders * slots);
  const counts = new Int32Array(feeders + 1);
  for (let car = 0; car < cars.count; car++) {
    const feeder = at(cars.feeder, car);
    if (at(relaxation.energyKwSlots, car) <= 0) continue;
    counts[feeder + 1] = at(counts, feeder + 1) + 1;
    let cell = at(relaxation.layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++, cell++) {
      loadKw[feeder * slots + t] = at(loadKw, feeder * slots + t) + at(freeChargeKw, cell);
    }
  }
  for (const [gate, count] of relaxation.gateCars.entries()) {
    if (count <= 0) continue;
    const { feeder, region, hardwareClass } = gateRow(relaxation.problem, Math.floor(gate / slots));
    const t = gate % slots;
    const plugKw = at(relaxation.problem.computePlugKw, (region * classes + hardwareClass) * slots + t);
    loadKw[feeder * slots + t] = at(loadKw, feeder * slots + t) + count * plugKw;
  }
  for (let feeder = 0; feeder < feeders; feeder++) counts[feeder + 1] = at(counts, feeder + 1) + at(counts, feeder);
  const byFeeder = new Int32Array(at(counts, feeders));
  const next = counts.slice(0, feeders);
  for (let car = 0; car < cars.count; car++) {
    if (at(relaxation.energyKwSlots, car) <= 0) continue;
    const feeder = at(cars.feeder, car);
    byFeeder[at(next, feeder)] = car;
    next[feeder] = at(next, feeder) + 1;
  }
  return feedersByBlock(relaxation).map((group) => {
    const parts = group.feeders.map((feeder) => byFeeder.subarray(at(counts, feeder), at(counts, feeder + 1)));
    const members = mayBind(relaxation, group, loadKw) ? Int32Array.from(parts.flatMap((part) => [...part])) : NOBODY;
    return layOutBlock(relaxation, group, members, quantaPerKw);
  });
}

const NOBODY = new Int32Array();

function begin(
  relaxation: Relaxation,
  laidOut: LaidOutBlock,
  jobPrice: Float64Array,
  start: LimitPrices | undefined,
): Working {
  const { slots } = relaxation.problem;
  const gateValue = new Float64Array(laidOut.gates.length);
  const gateJob = new Int16Array(laidOut.gates.length);
  valueGates(relaxation, laidOut, jobPrice, gateValue, gateJob);
  const price = new Float64Array(laidOut.block.hubs + 1);
  if (start) {
    const stationRent = (t: number): number =>
      laidOut.station < 0 ? 0 : at(start.substationRentEurPerKwh, laidOut.station * slots + t);
    for (const [index, feeder] of laidOut.feeders.entries()) {
      for (let t = 0; t < slots; t++) {
        price[index * slots + t] = at(start.feederRentEurPerKwh, feeder * slots + t) + stationRent(t);
      }
    }
  }
  return {
    laidOut,
    flow: new BlockFlow(laidOut.block, gateValue, price),
    gateValue,
    gateJob,
    idleEur: 0,
    price,
  };
}

/** What a kWh of each gate is worth at the jobs' prices, and for which job. */
function valueGates(
  { problem }: Relaxation,
  { gates, gateShards, gatePlugKw, gateCostEurPerKwh }: LaidOutBlock,
  jobPrice: Float64Array,
  gateValue: Float64Array,
  gateJob: Int16Array,
): void {
  const jobs = problem.jobs.length;
  for (let g = 0; g < gates.length; g++) {
    let most = -Infinity;
    for (let j = 0; j < jobs; j++) {
      const shards = at(gateShards, g * jobs + j);
      if (shards <= 0) continue;
      const eur = at(jobPrice, j) * shards;
      if (eur <= most) continue;
      most = eur;
      gateJob[g] = j;
    }
    gateValue[g] = most / (at(gatePlugKw, g) * problem.slotHours) - at(gateCostEurPerKwh, g);
  }
}

function answer(
  relaxation: Relaxation,
  { laidOut, flow, gateValue, gateJob }: Working,
  block: number,
  jobPrice: Float64Array,
  quantaPerKw: number,
): Answer {
  const { problem } = relaxation;
  const jobs = problem.jobs.length;
  valueGates(relaxation, laidOut, jobPrice, gateValue, gateJob);
  flow.setGateValues(gateValue);
  flow.solve();
  const { cellCost, cellCapacity, unservedCost } = laidOut.block;
  let kwCost = 0;
  for (let cell = 0; cell < cellCapacity.length; cell++) {
    const quanta = at(flow.cellFlow, cell);
    if (quanta > 0) kwCost += quanta * at(cellCost, cell);
  }
  for (const quanta of flow.unserved) if (quanta > 0) kwCost += quanta * unservedCost;
  let costEur = (kwCost / quantaPerKw) * problem.slotHours;
  const shards = new Float64Array(jobs);
  const gateKw = flow.gateFlow.map((quanta) => quanta / quantaPerKw);
  for (let g = 0; g < gateKw.length; g++) {
    const kw = at(gateKw, g);
    if (kw === 0) continue;
    costEur += gateEur(relaxation, laidOut, g, kw);
    const job = gateJob[g] ?? 0;
    shards[job] = at(shards, job) + (kw / at(laidOut.gatePlugKw, g)) * at(laidOut.gateShards, g * jobs + job);
  }
  return { block, costEur, shards, gateKw, gateJob: Int16Array.from(gateJob) };
}

function gateEur({ problem }: Relaxation, laidOut: LaidOutBlock, gate: number, kw: number): number {
  return kw * at(laidOut.gateCostEurPerKwh, gate) * problem.slotHours;
}

function unservedEur({ problem }: Relaxation, { flow, laidOut }: Working, quantaPerKw: number): number {
  const quanta = flow.unserved.reduce((sum, value) => sum + value, 0);
  return (quanta / quantaPerKw) * laidOut.block.unservedCost * problem.slotHours;
}

function idleAnswer({ gateJob }: Working, block: number, jobs: number): Answer {
  return { block, costEur: 0, shards: new Float64Array(jobs), gateKw: new Float64Array(gateJob.length), gateJob };
}

function mixCompute(
  { problem, gateCars }: Relaxation,
  blocks: readonly Working[],
  columns: readonly Answer[],
  parts: ReadonlyMap<number, number>,
): Float64Array[] {
  const gateCarsOfJob = problem.jobs.map(() => new Float64Array(gateCars.length));
  for (const [index, part] of parts) {
    const column = columns[index];
    const laidOut = column && blocks[column.block]?.laidOut;
    if (!column || !laidOut) continue;
    for (let g = 0; g < column.gateKw.length; g++) {
      const kw = at(column.gateKw, g);
      const cars = gateCarsOfJob[column.gateJob[g] ?? 0];
      const gate = at(laidOut.gates, g);
      if (kw > 0 && cars) cars[gate] = at(cars, gate) + (part * kw) / at(laidOut.gatePlugKw, g);
    }
  }
  return gateCarsOfJob;
}

function chargeBeside(
  relaxation: Relaxation,
  blocks: readonly Working[],
  gateCarsOfJob: readonly Float64Array[],
  freeChargeKw: Float64Array,
  quantaPerKw: number,
): Float64Array {
  const chargeKw = Float64Array.from(freeChargeKw);
  for (const { laidOut, flow } of blocks) {
    if (laidOut.cars.length === 0) continue;
    const fixed = Float64Array.from(laidOut.gates, (gate, g) => {
      const cars = gateCarsOfJob.reduce((sum, ofJob) => sum + at(ofJob, gate), 0);
      return Math.min(at(laidOut.block.gateCapacity, g), Math.floor(cars * at(laidOut.gatePlugKw, g) * quantaPerKw));
    });
    flow.fixGates(fixed);
    flow.solve();
    for (const [k, car] of laidOut.cars.entries()) {
      const first = at(relaxation.layout.offset, car);
      const start = at(laidOut.block.cellStart, k);
      const count = at(laidOut.block.cellStart, k + 1) - start;
      for (let c = 0; c < count; c++) chargeKw[first + c] = at(flow.cellFlow, start + c) / quantaPerKw;
    }
  }
  return chargeKw;
}

function readPrices({ problem }: Relaxation, blocks: readonly Working[], jobPrice: Float64Array): LimitPrices {
  const { slots } = problem;
  const feederRent = new Float64Array(problem.feeders * slots);
  const substationRent = new Float64Array(problem.substations * slots);
  for (const { laidOut, price } of blocks) {
    for (const [index, feeder] of laidOut.feeders.entries()) {
      for (let t = 0; t < slots; t++) {
        const behind = laidOut.station < 0 ? 0 : Math.max(0, at(price, laidOut.feeders.length * slots + t));
        feederRent[feeder * slots + t] = Math.max(0, at(price, index * slots + t) - behind);
        if (laidOut.station >= 0) substationRent[laidOut.station * slots + t] = behind;
      }
    }
  }
  return { feederRentEurPerKwh: feederRent, substationRentEurPerKwh: substationRent, jobPriceEurPerShard: jobPrice };
}
