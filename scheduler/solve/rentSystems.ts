// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { solveSymmetric } from './cholesky.ts';
import type { SoftSums } from './softDemand.ts';

/** A rent moves by so many times the softness where nothing is known of its slope. */
const REACH = 10;

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
 * Newton's step for a block's rents: a feeder's system at a time, solved by what jobs and the substation may do, which is
 * taken out of both; then the substation's; and what is left is what it means for the jobs.
 */
export class RentSystems {
  readonly #slots: number;
  readonly #jobs: number;
  readonly #rent: Float64Array;
  /** What hubs carry less what they can. */
  readonly #over: Float64Array;
  readonly #feeders: readonly Solved[];
  readonly #station: Solved | undefined;
  readonly #matrix: Float64Array;
  readonly #behind: Float64Array;
  readonly #behindJobs: Float64Array;

  constructor(
    size: { readonly slots: number; readonly jobs: number; readonly feeders: number; readonly isStation: boolean },
    rent: Float64Array,
    over: Float64Array,
  ) {
    const { slots, jobs, feeders, isStation } = size;
    this.#slots = slots;
    this.#jobs = jobs;
    this.#rent = rent;
    this.#over = over;
    this.#feeders = Array.from({ length: feeders }, () => emptySystem(slots, 1 + jobs + (isStation ? slots : 0)));
    this.#station = isStation ? emptySystem(slots, 1 + jobs) : undefined;
    this.#matrix = new Float64Array(slots * slots);
    this.#behind = new Float64Array(isStation ? slots * slots : 0);
    this.#behindJobs = new Float64Array(isStation ? slots * (1 + jobs) : 0);
  }

  /** Forgets what feeders leave to their substation. */
  clear(): void {
    this.#behind.fill(0);
    this.#behindJobs.fill(0);
  }

  /** Solves for a feeder's rents, by what jobs and the substation may do, and takes them out of both. */
  eliminate(feeder: number, softness: number, sums: SoftSums, all: SoftJobs): void {
    const slots = this.#slots;
    const jobs = this.#jobs;
    const { slope, slopeOfJob } = sums;
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
      matrix[a * count + a]! += Math.abs(over) / (REACH * softness);
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

  /** The same for the substation, after all of its feeders. */
  eliminateStation(softness: number, all: SoftJobs): void {
    const slots = this.#slots;
    const firstHub = this.#feeders.length * slots;
    const jobs = this.#jobs;
    const width = 1 + jobs;
    const system = this.#station;
    if (!system) return;
    this.#free(firstHub, system);
    const { count, rows, columns } = system;
    const matrix = this.#matrix;
    for (let a = 0; a < count; a++) {
      const t = rows[a]!;
      for (let b = 0; b <= a; b++) matrix[a * count + b] = this.#behind[t * slots + rows[b]!]!;
      const over = this.#over[firstHub + t]!;
      matrix[a * count + a]! += Math.abs(over) / (REACH * softness);
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

  /** Hubs that may move: a rent of 0 stays where there is room. */
  #free(firstHub: number, system: Solved): void {
    system.count = 0;
    for (let t = 0; t < this.#slots; t++) {
      if (this.#rent[firstHub + t]! > 0 || this.#over[firstHub + t]! > 0) system.rows[system.count++] = t;
    }
  }

  /** Reads Newton's step off the systems; no rent moves farther than `longest`, EUR per kWh. */
  read(worthStep: Float64Array, longest: number, into: Float64Array): void {
    const slots = this.#slots;
    const jobs = this.#jobs;
    const step = into.fill(0);
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
