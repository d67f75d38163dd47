// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import type { LaidOutBlock } from './blocks.ts';
import { emptyJobs, RentSystems, type SoftJobs } from './rentSystems.ts';
import { SoftCars } from './softCars.ts';
import type { SoftSums } from './softDemand.ts';
import { SoftGates } from './softGates.ts';

/** A rent moves by so many times the softness at most. */
const LONGEST = 50;
/** How much shorter the next step is when the bound has fallen, and the shortest that is tried. */
const SHORTER = 0.1;
const LONGER = 0.8;
const SHORTEST = 0.02;

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
  readonly #isStation: boolean;
  readonly #systems: RentSystems;
  /** What hubs carry less what they can. */
  readonly #over: Float64Array;
  readonly #step: Float64Array;
  readonly #before: { readonly rent: Float64Array; readonly over: Float64Array };
  readonly #price: Float64Array;
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
    this.#isStation = laidOut.station >= 0;
    const feeders = block.hubs / slots - (this.#isStation ? 1 : 0);
    this.#systems = new RentSystems({ slots, jobs, feeders, isStation: this.#isStation }, rent, this.#over);
    let [car, gate] = [0, 0];
    for (let feeder = 0; feeder < feeders; feeder++) {
      const endHub = (feeder + 1) * slots;
      const from = car;
      while (car < block.cars && block.firstHub[car]! < endHub) car++;
      while (gate < block.gateHub.length && block.gateHub[gate]! < endHub) gate++;
      const range = { from, until: car, firstHub: feeder * slots };
      this.#cars.push(new SoftCars(block, range, unservedCost, slots));
      this.#gateEnd.push(gate);
    }
    this.#price = new Float64Array(feeders > 0 ? slots : 0);
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
    const all = this.said;
    all.value = 0;
    for (const column of [all.done, all.slope, all.follows]) column.fill(0);
    const slots = this.#slots;
    const sums = this.#sums;
    const stationHub = this.#cars.length * slots;
    this.#systems.clear();
    for (let hub = 0; hub < block.hubs; hub++) {
      all.value -= this.rent[hub]! * block.exitCapacity[hub]!;
      this.#over[hub] = -block.exitCapacity[hub]!;
    }
    if (this.#cars.length === 0) {
      this.#clear();
      const range = { from: 0, until: block.gateHub.length, firstHub: 0 };
      this.#gates.add(range, this.#price, worth, softness, sums);
      this.#tell(all);
    }
    for (let feeder = 0; feeder < this.#cars.length; feeder++) {
      const firstHub = feeder * slots;
      for (let t = 0; t < slots; t++) {
        this.#price[t] = this.rent[firstHub + t]! + (this.#isStation ? this.rent[stationHub + t]! : 0);
      }
      this.#clear();
      this.#cars[feeder]!.add(this.#price, softness, sums);
      const range = { from: this.#gateEnd[feeder - 1] ?? 0, until: this.#gateEnd[feeder]!, firstHub };
      this.#gates.add(range, this.#price, worth, softness, sums);
      this.#tell(all);
      for (let t = 0; t < slots; t++) {
        this.#over[firstHub + t]! += sums.load[t]!;
        if (this.#isStation) this.#over[stationHub + t]! += sums.load[t]!;
      }
      this.#spread();
      this.#systems.eliminate(feeder, softness, sums, all);
    }
    this.#systems.eliminateStation(softness, all);
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
    this.#systems.read(worthStep, LONGEST * softness, this.#step);
    for (let hub = 0; hub < this.rent.length; hub++) {
      this.rent[hub] = Math.max(0, this.rent[hub]! + this.#step[hub]!);
    }
    this.ask(worth, softness);
  }

  /** The same while jobs stay where they are, as far as it does not overshoot. */
  advance(worth: Float64Array, softness: number): void {
    this.#systems.read(new Float64Array(this.#jobs), LONGEST * softness, this.#step);
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
}
