// Indices come from loops over the jobs; a check on each read would only hide them.
/* oxlint-disable typescript/no-non-null-assertion */
import { solveSymmetric } from './cholesky.ts';
import type { LaidOutBlock } from './blocks.ts';
import type { Relaxation } from './relaxation.ts';
import { SoftGates } from './softGates.ts';
import { serveExactly } from './serveExactly.ts';
import { emptyJobs, type SoftJobs } from './rentSystems.ts';
import type { SoftSaid } from './blockWork.ts';
import { alone, type Crew } from './crew.ts';

/** Softness as a part of the spread of prices: at first, at last, and from step to step. */
const SOFTEST = 0.1;
const HARDEST = 1e-5;
/** The fewer cars a feeder has, the sooner do steps bring less than they cost: this, divided by their number. */
const HARDEST_OF_CAR = 0.06;
const HARDER = 0.5;
const MAX_STEPS = 20;
/** Part of the flow that may be off before prices become harder, and at last. */
const OFF = 1e-3;
const OFF_AT_LAST = 1e-5;
/** A step that ends on a slope downwards that is so steep, against that of its start, was too long. */
const OVERSHOT = 0.7;
const SHORTER = 0.4;
const SHORTEST = 0.02;
/** A worth moves by so many times the softness where nothing is known of its slope. */
const REACH = 2;

export interface SoftPrices {
  readonly jobPriceEurPerShard: Float64Array;
  /** EUR per kWh by hub of each block: the limit's own rent. */
  readonly rents: readonly Float64Array[];
  /** What each gate draws for each job, in quanta, by block and (gate, job). */
  readonly drawn: readonly Float64Array[];
}

/**
 * Prices near those at which every limit is met, from demand that follows prices a little softly, by Newton's method;
 * then harder and harder (a quadratic term in the primal, a semismooth Newton method on its dual: Li, Sun and Toh 2020).
 * A step costs a few passes over the cars' slots and one small matrix for each feeder. Only near: what follows makes
 * them exact and proves it.
 * @param start prices to begin with
 */
export function softPrices(
  relaxation: Relaxation,
  laidOut: readonly LaidOutBlock[],
  quantaPerKw: number,
  start: {
    readonly jobPriceEurPerShard: Float64Array;
    readonly rents: readonly Float64Array[];
  },
  crew: Crew = alone(laidOut),
): SoftPrices {
  const { problem, chargeCostEurPerKwh } = relaxation;
  const { slots, slotHours } = problem;
  const jobs = problem.jobs.length;
  let [lowest, highest] = [Infinity, 0];
  for (const cost of chargeCostEurPerKwh) {
    lowest = Math.min(lowest, cost);
    highest = Math.max(highest, Math.abs(cost));
  }
  const spread = Math.max(1e-3, Math.min(highest - Math.min(0, lowest), 2 * highest));
  const most = Float64Array.from(problem.jobs, ({ penaltyEurPerShard }) => penaltyEurPerShard / slotHours);
  const wanted = Float64Array.from(problem.jobs, ({ shards }) => shards * quantaPerKw);
  let unserved = 10 * highest;
  let shardsPerKw = 0;
  for (const { gateShards, gatePlugKw } of laidOut) {
    for (let k = 0; k < gateShards.length; k++) {
      const shards = gateShards[k]! / gatePlugKw[Math.floor(k / jobs)]!;
      shardsPerKw = Math.max(shardsPerKw, shards);
      unserved = Math.max(unserved, 2 * shards * most[k % jobs]!);
    }
  }
  const ownerPenalty = problem.ownerPenaltyEurPerKwh;
  unserved = Math.min(unserved, ownerPenalty);
  const flows = crew.ask('beginSoft', (block) => ({
    slots,
    jobs,
    unservedCost: unserved,
    rent: start.rents[block] ?? new Float64Array(),
  }));
  const search = new SoftSearch(
    crew,
    flows.reduce((sum, flow) => sum + flow, 0),
    Float64Array.from(start.jobPriceEurPerShard, (price) => price / slotHours),
    {
      most,
      wanted,
      shardsPerKw,
    },
  );
  const cars = laidOut.reduce((sum, { block }) => sum + block.cars, 0);
  const feeders = laidOut.reduce((sum, { block }) => sum + block.hubs / slots, 0);
  const hardest = spread * Math.max(HARDEST, (HARDEST_OF_CAR * feeders) / Math.max(1, cars));
  let softness = spread * SOFTEST;
  let before: Found | undefined;
  let found: Found | undefined;
  for (;;) {
    softness = Math.max(softness, hardest);
    if (before && found) search.extrapolate(before, found, softness);
    const isLast = softness === hardest;
    const fits = search.solve(softness, isLast ? OFF_AT_LAST : OFF);
    if (!fits && found) break;
    before = found;
    found = search.remember(softness);
    if (isLast) break;
    softness *= HARDER;
  }
  const worth = found.worth;
  softness = found.softness;
  const jobPriceEurPerShard = worth.map((each) => each * slotHours);
  const rents = crew.ask('rents', () => undefined);
  const drawn = drawAt(relaxation, laidOut, quantaPerKw, { jobPriceEurPerShard, rents: rents, softness });
  for (const rent of rents) {
    // Where owners go without, rents are as high as the penalty: what was far above prices stood for it.
    for (let hub = 0; hub < rent.length; hub++) if (rent[hub]! > unserved / 2) rent[hub]! += ownerPenalty - unserved;
  }
  return { jobPriceEurPerShard, rents, drawn };
}

/** What each gate draws for each job at given prices, in quanta by block and (gate, job): as much as jobs have shards. */
export function drawAt(
  relaxation: Relaxation,
  laidOut: readonly LaidOutBlock[],
  quantaPerKw: number,
  prices: {
    readonly jobPriceEurPerShard: Float64Array;
    readonly rents: readonly Float64Array[];
    readonly softness: number;
  },
): Float64Array[] {
  const { slotHours, jobs } = relaxation.problem;
  const worth = prices.jobPriceEurPerShard.map((price) => price / slotHours);
  const drawn = laidOut.map((block, index) =>
    new SoftGates(block, jobs.length).draw(hubPrices(block, prices.rents[index]!), worth, prices.softness),
  );
  serveExactly(relaxation, laidOut, drawn, quantaPerKw);
  return drawn;
}

/** Rents along the way from each hub to the grid. */
export function hubPrices({ block }: LaidOutBlock, rent: Float64Array): Float64Array {
  const price = new Float64Array(block.hubs + 1);
  // Exits lead to hubs with higher numbers.
  for (let hub = block.hubs - 1; hub >= 0; hub--) price[hub] = rent[hub]! + price[block.exitTo[hub]!]!;
  return price;
}

/** Prices at one softness; the blocks remember their rents. */
interface Found {
  /** EUR per shard, divided by a slot's hours, by job. */
  readonly worth: Float64Array;
  readonly softness: number;
}

/** All blocks and the jobs that tie them together. */
class SoftSearch {
  readonly #crew: Crew;
  /** What the blocks said last. */
  #said: readonly SoftSaid[] = [];
  readonly #worth: Float64Array;
  /** What jobs pay at most, and their shards in quanta. */
  readonly #most: Float64Array;
  readonly #wanted: Float64Array;
  readonly #flow: number;
  readonly #all: SoftJobs;
  /** What a shard's worth may move for a EUR/kWh. */
  readonly #perShard: number;

  constructor(
    crew: Crew,
    flow: number,
    worth: Float64Array,
    jobs: { readonly most: Float64Array; readonly wanted: Float64Array; readonly shardsPerKw: number },
  ) {
    this.#perShard = 1 / Math.max(jobs.shardsPerKw, 1e-9);
    this.#crew = crew;
    this.#worth = worth;
    this.#most = jobs.most;
    this.#wanted = jobs.wanted;
    this.#all = emptyJobs(worth.length);
    this.#flow = flow + jobs.wanted.reduce((sum, shards) => sum + shards, 0);
  }

  remember(softness: number): Found {
    this.#crew.tell('remember', undefined);
    return { worth: Float64Array.from(this.#worth), softness };
  }

  /** Prices go on with the softness as they went before: nearly on a line. */
  extrapolate(before: Found, found: Found, softness: number): void {
    const part = (softness - found.softness) / (found.softness - before.softness);
    this.#crew.tell('extrapolate', part);
    for (let j = 0; j < this.#worth.length; j++) {
      const last = found.worth[j]!;
      this.#worth[j] = Math.min(last + part * (last - before.worth[j]!), this.#most[j]!);
    }
  }

  /** Newton's method at one softness; whether it came to prices at which the flow fits. */
  solve(softness: number, mayBeOff: number): boolean {
    this.#said = this.#crew.ask('settle', () => ({ worth: this.#worth, softness, mayBeOff }));
    this.#sum();
    for (let step = 0; this.#off > mayBeOff * this.#flow; step++) {
      if (step === MAX_STEPS || !this.#step(softness, mayBeOff)) return false;
    }
    return true;
  }

  #step(softness: number, mayBeOff: number): boolean {
    const from = Float64Array.from(this.#worth);
    this.#crew.tell('keep', undefined);
    const move = this.#stepOfJobs(softness);
    const rise = this.#slopeAlong(move);
    const value = this.#all.value;
    for (let part = 1; part > SHORTEST; part *= SHORTER) {
      const step = move.map((each, j) => Math.min(this.#most[j]!, from[j]! + part * each) - from[j]!);
      for (let j = 0; j < step.length; j++) this.#worth[j] = from[j]! + step[j]!;
      const asked = { worth: this.#worth, softness, mayBeOff, from, step, isFirst: part === 1 };
      this.#said = this.#crew.ask('follow', () => asked);
      this.#sum();
      if (this.#all.value >= value || this.#slopeAlong(move) >= -OVERSHOT * Math.abs(rise)) return true;
    }
    return false;
  }

  /** How much the bound rises at a step of the jobs' worths, with rents that follow. */
  #slopeAlong(move: Float64Array): number {
    const { done, follows } = this.#all;
    return move.reduce((sum, each, j) => sum + each * (this.#wanted[j]! - done[j]! + follows[j]!), 0);
  }

  #sum(): void {
    const all = this.#all;
    all.value = 0;
    for (const column of [all.done, all.slope, all.follows]) column.fill(0);
    for (const { jobs: said } of this.#said) {
      all.value += said.value;
      for (let j = 0; j < all.done.length; j++) {
        all.done[j]! += said.done[j]!;
        all.follows[j]! += said.follows[j]!;
      }
      for (let k = 0; k < all.slope.length; k++) all.slope[k]! += said.slope[k]!;
    }
    for (let j = 0; j < all.done.length; j++) all.value += this.#worth[j]! * this.#wanted[j]!;
  }

  get #off(): number {
    let off = 0;
    for (const said of this.#said) off += said.off;
    for (let j = 0; j < this.#worth.length; j++) {
      const left = this.#wanted[j]! - this.#all.done[j]!;
      off += this.#worth[j]! >= this.#most[j]! ? Math.max(0, -left) : Math.abs(left);
    }
    return off;
  }

  /** Newton's step of the jobs' worths, with rents that follow. */
  #stepOfJobs(softness: number): Float64Array {
    const { done, slope, follows } = this.#all;
    const jobs = this.#worth.length;
    const free: number[] = [];
    for (let j = 0; j < jobs; j++) {
      const isShort = this.#wanted[j]! >= done[j]!;
      if (this.#wanted[j]! > 0 && !(isShort && this.#worth[j]! >= this.#most[j]!)) free.push(j);
    }
    const matrix = new Float64Array(free.length * free.length);
    const move = new Float64Array(free.length);
    for (const [a, j] of free.entries()) {
      for (const [b, i] of free.entries()) matrix[a * free.length + b] = slope[j * jobs + i]!;
      const left = this.#wanted[j]! - done[j]!;
      move[a] = left + follows[j]!;
      matrix[a * free.length + a]! += Math.abs(move[a]) / (REACH * softness * this.#perShard);
    }
    solveSymmetric(matrix, free.length, move, 1);
    const step = new Float64Array(jobs);
    for (const [a, j] of free.entries()) step[j] = move[a]!;
    return step;
  }
}
