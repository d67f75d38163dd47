// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import type { LaidOutBlock } from './blocks.ts';
import { solveSymmetric } from './cholesky.ts';
import { SoftCars } from './softCars.ts';
import type { SoftSums } from './softDemand.ts';
import { SoftGates } from './softGates.ts';

/** A rent moves by so many times the softness at most, and by so many where nothing is known of its slope. */
const LONGEST = 50;
const REACH = 10;
/** How much shorter the next step is when the bound has fallen, and the shortest that is tried. */
const SHORTER = 0.1;
const LONGER = 0.8;
const SHORTEST = 0.02;

/** What a block, or all of them, say about the jobs' worths. */
export interface SoftJobs {
  value: number;
  /** Shards that are done, by job, in quanta. */
  readonly done: Float64Array;
  /** Slope of shards by (job, job) when rents follow, and what is done more when they do. */
  readonly slope: Float64Array;
  readonly follows: Float64Array;
}

/** Rows of a system that are free to move, and what they come to: by (row, column of the right-hand side). */
interface Solved {
  count: number;
  readonly rows: Int32Array;
  readonly columns: Float64Array;
}

/**
 * A block's rents of its hubs, and Newton's step for them: demand of its feeders is solved for a feeder at a time, then
 * for their substation, and leaves what it means for the jobs.
 */
export class SoftBlock {
  readonly laidOut: LaidOutBlock;
  /** EUR per kWh by hub: the limit's own. */
  readonly rent: Float64Array;
  /** What it said last. */
  readonly said: SoftJobs;
  /** All that its cars need and its gates could draw, in quanta. */
  readonly flow: number;
  readonly #slots: number;
  readonly #jobs: number;
  readonly #cars: SoftCars[] = [];
  readonly #gates: SoftGates;
  readonly #gateEnd: number[] = [];
  readonly #feeders: Solved[] = [];
  readonly #station: Solved | undefined;
  /** What hubs carry less what they can. */
  readonly #over: Float64Array;
  readonly #step: Float64Array;
  readonly #before: { readonly rent: Float64Array; readonly over: Float64Array };
  readonly #price: Float64Array;
  readonly #matrix: Float64Array;
  readonly #behind: Float64Array;
  readonly #behindJobs: Float64Array;
  readonly #sums: SoftSums;

  constructor(laidOut: LaidOutBlock, size: { slots: number; jobs: number }, unservedCost: number, rent: Float64Array) {
    const { block } = laidOut;
    const { slots, jobs } = size;
    this.laidOut = laidOut;
    this.#slots = slots;
    this.#jobs = jobs;
    this.rent = rent;
    this.flow = block.need.reduce((sum, need) => sum + need, 1);
    this.said = emptyJobs(jobs);
    this.#before = { rent: Float64Array.from(rent), over: new Float64Array(block.hubs) };
    this.#over = new Float64Array(block.hubs);
    this.#step = new Float64Array(block.hubs);
    this.#gates = new SoftGates(laidOut, jobs);
    const isStation = laidOut.station >= 0;
    const feeders = block.hubs / slots - (isStation ? 1 : 0);
    let [car, gate] = [0, 0];
    for (let feeder = 0; feeder < feeders; feeder++) {
      const endHub = (feeder + 1) * slots;
      const from = car;
      while (car < block.cars && block.firstHub[car]! < endHub) car++;
      while (gate < block.gateHub.length && block.gateHub[gate]! < endHub) gate++;
      const range = { from, until: car, firstHub: feeder * slots };
      this.#cars.push(new SoftCars(block, range, unservedCost, slots));
      this.#gateEnd.push(gate);
      this.#feeders.push(emptySystem(slots, 1 + jobs + (isStation ? slots : 0)));
    }
    this.#station = isStation ? emptySystem(slots, 1 + jobs) : undefined;
    this.#price = new Float64Array(feeders > 0 ? slots : 0);
    this.#matrix = new Float64Array(slots * slots);
    this.#behind = new Float64Array(isStation ? slots * slots : 0);
    this.#behindJobs = new Float64Array(isStation ? slots * (1 + jobs) : 0);
    this.#sums = {
      value: 0,
      load: new Float64Array(slots),
      slope: new Float64Array(slots * slots),
      corners: new Float64Array((slots + 1) * (slots + 1)),
      slopeOfJob: new Float64Array(slots * jobs),
      slopeOfJobs: new Float64Array(jobs * jobs),
      done: new Float64Array(jobs),
    };
  }

  /** What is drawn at the rents, and the pieces of the next step. */
  ask(worth: Float64Array, softness: number): void {
    const { block } = this.laidOut;
    const reach = REACH * softness;
    const all = this.said;
    all.value = 0;
    for (const column of [all.done, all.slope, all.follows]) column.fill(0);
    const slots = this.#slots;
    const sums = this.#sums;
    const stationHub = this.#feeders.length * slots;
    this.#behind.fill(0);
    this.#behindJobs.fill(0);
    for (let hub = 0; hub < block.hubs; hub++) {
      all.value -= this.rent[hub]! * block.exitCapacity[hub]!;
      this.#over[hub] = -block.exitCapacity[hub]!;
    }
    if (this.#feeders.length === 0) {
      this.#clear();
      const range = { from: 0, until: block.gateHub.length, firstHub: 0 };
      this.#gates.add(range, this.#price, worth, softness, sums);
      this.#tell(all);
    }
    for (let feeder = 0; feeder < this.#feeders.length; feeder++) {
      const firstHub = feeder * slots;
      for (let t = 0; t < slots; t++) {
        this.#price[t] = this.rent[firstHub + t]! + (this.#station ? this.rent[stationHub + t]! : 0);
      }
      this.#clear();
      this.#cars[feeder]!.add(this.#price, softness, sums);
      const range = { from: this.#gateEnd[feeder - 1] ?? 0, until: this.#gateEnd[feeder]!, firstHub };
      this.#gates.add(range, this.#price, worth, softness, sums);
      this.#tell(all);
      for (let t = 0; t < slots; t++) {
        this.#over[firstHub + t]! += sums.load[t]!;
        if (this.#station) this.#over[stationHub + t]! += sums.load[t]!;
      }
      this.#spread();
      this.#eliminate(feeder, reach, all);
    }
    if (this.#station) this.#eliminateStation(stationHub, reach, all);
  }

  #clear(): void {
    const { load, slope, corners, slopeOfJob, slopeOfJobs, done } = this.#sums;
    this.#sums.value = 0;
    for (const column of [load, slope, corners, slopeOfJob, slopeOfJobs, done]) column.fill(0);
  }

  /** Adds the rectangles to the slope. */
  #spread(): void {
    const slots = this.#slots;
    const { slope, corners } = this.#sums;
    const width = slots + 1;
    for (let row = 0; row < slots; row++) {
      const [above, here] = [(row - 1) * width, row * width];
      let sum = 0;
      for (let column = 0; column < slots; column++) {
        sum += corners[here + column]!;
        corners[here + column] = sum + (row > 0 ? corners[above + column]! : 0);
        if (column <= row) slope[row * slots + column]! += corners[here + column]!;
      }
    }
  }

  #tell(all: SoftJobs): void {
    const { value, done, slopeOfJobs } = this.#sums;
    all.value += value;
    for (let j = 0; j < done.length; j++) all.done[j]! += done[j]!;
    for (let k = 0; k < slopeOfJobs.length; k++) all.slope[k]! += slopeOfJobs[k]!;
  }

  /** Hubs that may move: a rent of 0 stays where there is room. */
  #free(firstHub: number, system: Solved): void {
    system.count = 0;
    for (let t = 0; t < this.#slots; t++) {
      if (this.rent[firstHub + t]! > 0 || this.#over[firstHub + t]! > 0) system.rows[system.count++] = t;
    }
  }

  /** Solves for a feeder's rents, by what jobs and the substation may do, and takes them out of both. */
  #eliminate(feeder: number, reach: number, all: SoftJobs): void {
    const slots = this.#slots;
    const jobs = this.#jobs;
    const { slope, slopeOfJob } = this.#sums;
    const system = this.#feeders[feeder]!;
    const width = 1 + jobs + (this.#station ? slots : 0);
    const firstHub = feeder * slots;
    this.#free(firstHub, system);
    const { count, rows, columns } = system;
    const matrix = this.#matrix;
    for (let a = 0; a < count; a++) {
      const t = rows[a]!;
      for (let b = 0; b <= a; b++) matrix[a * count + b] = slope[t * slots + rows[b]!]!;
      const over = this.#over[firstHub + t]!;
      matrix[a * count + a]! += Math.abs(over) / reach;
      columns[a * width] = over;
      for (let j = 0; j < jobs; j++) columns[a * width + 1 + j] = slopeOfJob[t * jobs + j]!;
      if (!this.#station) continue;
      for (let s = 0; s < slots; s++) columns[a * width + 1 + jobs + s] = at(slope, slots, t, s);
    }
    solveSymmetric(matrix, count, columns, width);
    for (let a = 0; a < count; a++) {
      const t = rows[a]!;
      for (let j = 0; j < jobs; j++) {
        const per = slopeOfJob[t * jobs + j]!;
        if (per === 0) continue;
        all.follows[j]! -= per * columns[a * width]!;
        for (let i = 0; i < jobs; i++) all.slope[j * jobs + i]! -= per * columns[a * width + 1 + i]!;
      }
    }
    if (!this.#station) return;
    for (let s = 0; s < slots; s++) {
      for (let r = 0; r <= s; r++) this.#behind[s * slots + r]! += slope[s * slots + r]!;
      for (let j = 0; j < jobs; j++) this.#behindJobs[s * (1 + jobs) + 1 + j]! += slopeOfJob[s * jobs + j]!;
      for (let a = 0; a < count; a++) {
        const per = at(slope, slots, rows[a]!, s);
        if (per === 0) continue;
        for (let r = 0; r <= s; r++) this.#behind[s * slots + r]! -= per * columns[a * width + 1 + jobs + r]!;
        for (let c = 0; c <= jobs; c++) this.#behindJobs[s * (1 + jobs) + c]! -= per * columns[a * width + c]!;
      }
    }
  }

  #eliminateStation(firstHub: number, reach: number, all: SoftJobs): void {
    const slots = this.#slots;
    const jobs = this.#jobs;
    const width = 1 + jobs;
    const system = this.#station!;
    this.#free(firstHub, system);
    const { count, rows, columns } = system;
    const matrix = this.#matrix;
    for (let a = 0; a < count; a++) {
      const t = rows[a]!;
      for (let b = 0; b <= a; b++) matrix[a * count + b] = this.#behind[t * slots + rows[b]!]!;
      const over = this.#over[firstHub + t]!;
      matrix[a * count + a]! += Math.abs(over) / reach;
      columns[a * width] = over + this.#behindJobs[t * width]!;
      for (let j = 0; j < jobs; j++) columns[a * width + 1 + j] = this.#behindJobs[t * width + 1 + j]!;
    }
    solveSymmetric(matrix, count, columns, width);
    for (let a = 0; a < count; a++) {
      for (let j = 0; j < jobs; j++) {
        const per = this.#behindJobs[rows[a]! * width + 1 + j]!;
        if (per === 0) continue;
        all.follows[j]! -= per * columns[a * width]!;
        for (let i = 0; i < jobs; i++) all.slope[j * jobs + i]! -= per * columns[a * width + 1 + i]!;
      }
    }
  }

  /** Hubs' flow that is off: too much, or too little where there is a rent. */
  get off(): number {
    let off = 0;
    for (let hub = 0; hub < this.rent.length; hub++) {
      const over = this.#over[hub]!;
      off += this.rent[hub]! > 0 ? Math.abs(over) : Math.max(0, over);
    }
    return off;
  }

  /** Goes Newton's step from what it said last, together with the jobs', and is asked there. */
  follow(worth: Float64Array, worthStep: Float64Array, softness: number): void {
    this.#direct(worthStep, LONGEST * softness);
    for (let hub = 0; hub < this.rent.length; hub++) {
      this.rent[hub] = Math.max(0, this.rent[hub]! + this.#step[hub]!);
    }
    this.ask(worth, softness);
  }

  /** The same while jobs stay where they are, as far as it does not overshoot. */
  advance(worth: Float64Array, softness: number): void {
    this.#direct(new Float64Array(this.#jobs), LONGEST * softness);
    this.#before.rent.set(this.rent);
    this.#before.over.set(this.#over);
    const value = this.said.value - 1e-13 * Math.abs(this.said.value);
    let part = 1;
    for (;;) {
      for (let hub = 0; hub < this.rent.length; hub++) {
        this.rent[hub] = Math.max(0, this.#before.rent[hub]! + part * this.#step[hub]!);
      }
      this.ask(worth, softness);
      if (part < SHORTEST) return;
      if (this.said.value >= value) return;
      let [rise, end] = [0, 0];
      for (let hub = 0; hub < this.rent.length; hub++) {
        const moved = this.rent[hub]! - this.#before.rent[hub]!;
        rise += this.#before.over[hub]! * moved;
        end += this.#over[hub]! * moved;
      }
      // Where a straight line between the slopes of both ends comes to 0.
      part *= Math.min(LONGER, Math.max(SHORTER, rise / (rise - end)));
    }
  }

  /** Reads Newton's step off what was asked last; no rent moves farther than `longest`, EUR per kWh. */
  #direct(worthStep: Float64Array, longest: number): void {
    const slots = this.#slots;
    const jobs = this.#jobs;
    const step = this.#step.fill(0);
    const stationHub = this.#feeders.length * slots;
    const read = (system: Solved, firstHub: number, width: number): void => {
      for (let a = 0; a < system.count; a++) {
        let move = system.columns[a * width]!;
        for (let j = 0; j < jobs; j++) move -= system.columns[a * width + 1 + j]! * worthStep[j]!;
        for (let s = 1 + jobs; s < width; s++) {
          move -= system.columns[a * width + s]! * step[stationHub + s - 1 - jobs]!;
        }
        step[firstHub + system.rows[a]!] = Math.max(-longest, Math.min(longest, move));
      }
    };
    if (this.#station) read(this.#station, stationHub, 1 + jobs);
    for (const [feeder, system] of this.#feeders.entries()) {
      read(system, feeder * slots, 1 + jobs + (this.#station ? slots : 0));
    }
  }
}

export function emptyJobs(jobs: number): SoftJobs {
  return {
    value: 0,
    done: new Float64Array(jobs),
    slope: new Float64Array(jobs * jobs),
    follows: new Float64Array(jobs),
  };
}

function emptySystem(slots: number, width: number): Solved {
  return { count: 0, rows: new Int32Array(slots), columns: new Float64Array(slots * width) };
}

function at(lower: Float64Array, size: number, row: number, column: number): number {
  return row >= column ? lower[row * size + column]! : lower[column * size + row]!;
}
