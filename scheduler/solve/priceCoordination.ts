import { at } from '../columns.ts';
import type { Answer } from './blockAnswers.ts';
import { alone, type Crew, type Gather } from './crew.ts';
import { layOut, quantaPerKwOf, type LaidOutBlock } from './blocks.ts';
import { ColumnMaster } from './columnMaster.ts';
import { gateRow, shardsPerCar, type LimitPrices, type Relaxation } from './relaxation.ts';
import { drawAt, hubPrices, softPrices, type SoftPrices } from './softPrices.ts';

/** Cost above the bound, as a part of the cost without penalties, that ends the search for the jobs' prices. */
const ACCEPTED_GAP = 1e-7;
const MAX_ROUNDS = 400;
/** Jobs' prices are sought within so much of the best so far (boxstep: Marsten, Hogan and Blankenship 1975). */
const START_WIDTH = 1e-4;
const WIDTH_OF_LAST_PLAN = 1e-3;
const WIDTH_OF_GUESS = 0.16;
/** Feeders of fewer cars have demand in steps so large that prices do not come near on a soft way. */
const MIN_CARS_FOR_SOFT = 50;
/** A gate draws all or nothing, but for so many EUR/kWh about its job's price. */
const ALL_OR_NOTHING_EUR = 1e-5;

export interface Coordinated {
  readonly chargeKw: Float64Array;
  readonly gateCarsOfJob: Float64Array[];
  readonly prices: LimitPrices;
  readonly rounds: number;
}

/**
 * Charging and compute on shared limits, when cars' prices differ and a shard's energy depends on temperature and class.
 * Feeders, or substations with theirs, are blocks that only the jobs tie together. Prices near the optimum, and what
 * gates draw at them, are found first (`softPrices`). Then, at given prices per shard, a block is a pure network, which
 * `BlockFlow` solves exactly; a small program mixes the blocks' answers so that each job gets its shards, and gives the
 * next prices (Dantzig and Wolfe 1960). The bound at the best prices and the cost of the mix enclose the optimum; near
 * prices leave little to do. At last charging is solved once more beside the mix's compute.
 * @param freeChargeKw every car in its cheapest slots
 * @param start prices to begin with: those of the last plan; undefined where there is none
 */
export function coordinate(
  relaxation: Relaxation,
  freeChargeKw: Float64Array,
  start: LimitPrices | undefined,
  gather: Gather = alone,
): Coordinated {
  const { problem } = relaxation;
  const quantaPerKw = quantaPerKwOf(relaxation);
  const laidOut = layOut(relaxation, freeChargeKw, quantaPerKw);
  const crew = gather(laidOut);
  const near = nearPrices(relaxation, laidOut, start, { quantaPerKw, crew });
  const jobPrice = Float64Array.from(near.jobPriceEurPerShard);
  clip(relaxation, jobPrice);
  const begun = crew.ask('beginAnswers', (index) => {
    const block = laidOut[index];
    return {
      index,
      jobs: problem.jobs.length,
      slotHours: problem.slotHours,
      quantaPerKw,
      drawn: near.drawn[index] ?? new Float64Array(),
      hubPrice: block ? hubPrices(block, near.rents[index] ?? new Float64Array()) : new Float64Array(),
    };
  });
  const scaleEur = 1e-9 + begun.reduce((sum, block) => sum + Math.abs(block.firstEur - block.unservedEur), 0);
  const first = begun.map((block) => block.first);
  const columns = [...first, ...begun.map((block) => block.idle)];
  const work = Float64Array.from(problem.jobs, (job) => job.shards);
  const penalty = Float64Array.from(problem.jobs, (job) => job.penaltyEurPerShard);
  const master = new ColumnMaster(first, work, penalty);
  for (const column of columns.slice(first.length)) master.add(column);
  let bestPrice = Float64Array.from(jobPrice);
  let bestBound = -Infinity;
  let { width } = near;
  let rounds = 0;
  for (; rounds < MAX_ROUNDS; rounds++) {
    let boundEur = 0;
    for (let j = 0; j < work.length; j++) boundEur += at(jobPrice, j) * at(work, j);
    for (const column of crew.ask('at', () => jobPrice)) {
      boundEur += column.costEur;
      for (let j = 0; j < work.length; j++) boundEur -= at(jobPrice, j) * at(column.shards, j);
      columns.push(column);
      master.add(column);
    }
    if (boundEur > bestBound) {
      if (rounds > 0) width *= 2;
      bestBound = boundEur;
      bestPrice = Float64Array.from(jobPrice);
      crew.tell('keepPrice', undefined);
    } else width /= 3;
    const scale = bestPrice.map((price, j) => Math.max(Math.abs(price), 1e-3 * at(penalty, j)));
    let mixEur: number;
    for (;;) {
      master.boxPrices(
        bestPrice.map((price, j) => price - width * at(scale, j)),
        bestPrice.map((price, j) => price + width * at(scale, j)),
      );
      mixEur = master.solve();
      if (mixEur - bestBound > ACCEPTED_GAP * (scaleEur + Math.abs(mixEur)) || !master.trades) break;
      // Nothing better within the box, and still no mix: the box is too small.
      width *= 10;
    }
    if (work.length === 0 || mixEur - bestBound <= ACCEPTED_GAP * (scaleEur + Math.abs(mixEur))) break;
    for (let j = 0; j < work.length; j++) jobPrice[j] = at(master.jobPrice, j);
    clip(relaxation, jobPrice);
  }
  if (master.trades) {
    master.boxPrices(
      work.map(() => -Infinity),
      penalty,
    );
    master.solve();
  }
  const drawn = mix(laidOut, columns, master.parts(), work.length, quantaPerKw);
  const chargeKw = Float64Array.from(freeChargeKw);
  const carried = crew.ask('beside', (index) => drawn[index] ?? new Float64Array());
  for (const [index, { cellKw }] of carried.entries()) readCharge(relaxation, laidOut[index], cellKw, chargeKw);
  const answers = carried.map(({ answer }) => answer);
  const gateCarsOfJob = gateCars(relaxation, laidOut, answers);
  const hubs = carried.map(({ bestPrice: price }) => price);
  return { chargeKw, gateCarsOfJob, prices: readPrices(relaxation, laidOut, hubs, bestPrice), rounds };
}

/** Prices to begin with, what gates draw at them, and how wide a box around them holds the jobs' prices. */
function nearPrices(
  relaxation: Relaxation,
  laidOut: readonly LaidOutBlock[],
  start: LimitPrices | undefined,
  { quantaPerKw, crew }: { readonly quantaPerKw: number; readonly crew: Crew },
): SoftPrices & { readonly width: number } {
  const { slots } = relaxation.problem;
  const rents = laidOut.map(({ block, feeders, station }) => {
    const rent = new Float64Array(block.hubs);
    if (!start) return rent;
    for (const [index, feeder] of feeders.entries()) {
      rent.set(start.feederRentEurPerKwh.subarray(feeder * slots, (feeder + 1) * slots), index * slots);
    }
    if (station >= 0) {
      const behind = start.substationRentEurPerKwh.subarray(station * slots, (station + 1) * slots);
      rent.set(behind, feeders.length * slots);
    }
    return rent;
  });
  const jobPriceEurPerShard = pricesAlone(relaxation);
  // A job that is new has no last price.
  for (const [j, price] of start?.jobPriceEurPerShard.entries() ?? []) if (price > 0) jobPriceEurPerShard[j] = price;
  clip(relaxation, jobPriceEurPerShard);
  const cars = laidOut.reduce((sum, { block }) => sum + block.cars, 0);
  const feeders = laidOut.reduce((sum, block) => sum + block.feeders.length, 0);
  const prices = { jobPriceEurPerShard, rents };
  if (!start && cars >= MIN_CARS_FOR_SOFT * feeders && !laidOut.some(cannotServe)) {
    return { ...softPrices(relaxation, laidOut, quantaPerKw, prices, crew), width: START_WIDTH };
  }
  const drawn = drawAt(relaxation, laidOut, quantaPerKw, { ...prices, softness: ALL_OR_NOTHING_EUR });
  return { ...prices, drawn, width: start ? WIDTH_OF_LAST_PLAN : WIDTH_OF_GUESS };
}

/** Whether cars need more than all slots carry: rents are then penalties, which are no soft way from prices. */
function cannotServe({ block, feeders, station }: LaidOutBlock): boolean {
  const slots = block.hubs / (feeders.length + (station < 0 ? 0 : 1));
  const needs = block.need.reduce((sum, need) => sum + need, 0);
  const carries = block.exitCapacity.subarray(0, feeders.length * slots).reduce((sum, quanta) => sum + quanta, 0);
  return needs > carries;
}

/** Prices of shards if each job were alone and feeders had room: below what they will be, but near. */
function pricesAlone({ problem, gateCars: all }: Relaxation): Float64Array {
  const { slots, slotHours } = problem;
  return Float64Array.from(problem.jobs, (job, j) => {
    const offers: { readonly eur: number; readonly shards: number }[] = [];
    for (let row = 0; row < problem.feeders * problem.classes; row++) {
      const { region, hardwareClass } = gateRow(problem, row);
      for (let t = 0; t < slots; t++) {
        const count = at(all, row * slots + t);
        const shards = count > 0 ? shardsPerCar(problem, j, region, hardwareClass, t) : 0;
        if (shards <= 0) continue;
        const kwh = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t) * slotHours;
        offers.push({
          eur: (kwh * at(problem.unitCostEurPerKwh, region * slots + t)) / shards,
          shards: count * shards,
        });
      }
    }
    offers.sort((a, b) => a.eur - b.eur);
    let left = job.shards;
    return offers.find(({ shards }) => (left -= shards) <= 0)?.eur ?? job.penaltyEurPerShard;
  });
}

function clip({ problem }: Relaxation, jobPrice: Float64Array): void {
  for (const [j, job] of problem.jobs.entries()) {
    jobPrice[j] = job.shards === 0 ? 0 : Math.min(job.penaltyEurPerShard, at(jobPrice, j));
  }
}

/** What gates draw for each job in the mix, in quanta by block and (gate, job). */
function mix(
  laidOut: readonly LaidOutBlock[],
  columns: readonly Answer[],
  parts: ReadonlyMap<number, number>,
  jobs: number,
  quantaPerKw: number,
): Float64Array[] {
  const drawn = laidOut.map(({ gateCostEurPerKwh }) => new Float64Array(gateCostEurPerKwh.length * jobs));
  for (const [index, part] of parts) {
    const column = columns[index];
    const quanta = column && drawn[column.block];
    if (!column || !quanta) continue;
    for (const [k, kw] of column.kw.entries()) {
      const cell = at(column.gate, k) * jobs + at(column.job, k);
      quanta[cell] = at(quanta, cell) + part * kw * quantaPerKw;
    }
  }
  return drawn;
}

/** Cars that compute for each job, by gate of the relaxation: where gates stand for several, as many of each by its size. */
function gateCars(
  { problem, gateCars: all }: Relaxation,
  laidOut: readonly LaidOutBlock[],
  answers: readonly Answer[],
): Float64Array[] {
  const carsOfJob = problem.jobs.map(() => new Float64Array(all.length));
  for (const { block, gate, job, kw } of answers) {
    const from = laidOut[block];
    if (!from) continue;
    for (const [k, g] of gate.entries()) {
      const members = from.gates.subarray(at(from.gateStart, g), at(from.gateStart, g + 1));
      const sum = members.reduce((total, member) => total + at(all, member), 0);
      const count = at(kw, k) / at(from.gatePlugKw, g);
      const cars = carsOfJob[at(job, k)];
      if (cars) for (const member of members) cars[member] = (count * at(all, member)) / sum;
    }
  }
  return carsOfJob;
}

/** Writes what a block's cars draw, kW by its cells, into the relaxation's columns. */
function readCharge(
  { layout }: Relaxation,
  laidOut: LaidOutBlock | undefined,
  cellKw: Float64Array,
  chargeKw: Float64Array,
): void {
  const { cars, block } = laidOut ?? { cars: new Int32Array(), block: undefined };
  if (!block) return;
  for (let k = 0; k < cars.length; k++) {
    const start = at(block.cellStart, k);
    chargeKw.set(cellKw.subarray(start, at(block.cellStart, k + 1)), at(layout.offset, at(cars, k)));
  }
}

function readPrices(
  { problem }: Relaxation,
  blocks: readonly LaidOutBlock[],
  /** By hub of each block. */
  prices: readonly Float64Array[],
  jobPriceEurPerShard: Float64Array,
): LimitPrices {
  const { slots } = problem;
  const feederRentEurPerKwh = new Float64Array(problem.feeders * slots);
  const substationRentEurPerKwh = new Float64Array(problem.substations * slots);
  for (const [block, laidOut] of blocks.entries()) {
    const bestPrice = prices[block] ?? new Float64Array();
    for (const [index, feeder] of laidOut.feeders.entries()) {
      for (let t = 0; t < slots; t++) {
        const behind = laidOut.station < 0 ? 0 : Math.max(0, at(bestPrice, laidOut.feeders.length * slots + t));
        feederRentEurPerKwh[feeder * slots + t] = Math.max(0, at(bestPrice, index * slots + t) - behind);
        if (laidOut.station >= 0) substationRentEurPerKwh[laidOut.station * slots + t] = behind;
      }
    }
  }
  return { feederRentEurPerKwh, substationRentEurPerKwh, jobPriceEurPerShard };
}
