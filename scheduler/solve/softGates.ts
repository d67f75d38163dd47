// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import type { LaidOutBlock } from './blocks.ts';
import type { SoftSums } from './softDemand.ts';

/** Gates of a block. Job by job, a gate's cars draw what the job's worth is above their price. */
export class SoftGates {
  readonly #jobs: number;
  readonly #hub: Int32Array;
  readonly #capacity: Float64Array;
  readonly #costEurPerKwh: Float64Array;
  /** Shards for a kW in a slot, by (gate, job). */
  readonly #shardsPerKw: Float64Array;
  readonly #share: Float64Array;

  constructor({ block, gateCostEurPerKwh, gateShards, gatePlugKw }: LaidOutBlock, jobs: number) {
    this.#jobs = jobs;
    this.#hub = block.gateHub;
    this.#capacity = block.gateCapacity;
    this.#costEurPerKwh = gateCostEurPerKwh;
    this.#shardsPerKw = gateShards.map((shards, index) => shards / gatePlugKw[Math.floor(index / jobs)]!);
    this.#share = new Float64Array(jobs);
  }

  /**
   * @param hubPrice EUR per kWh by slot; empty where no limit can bind
   * @param worth EUR per shard, divided by a slot's hours, by job
   */
  add(
    range: { readonly from: number; readonly until: number; readonly firstHub: number },
    hubPrice: Float64Array,
    worth: Float64Array,
    softness: number,
    sums: SoftSums,
  ): void {
    const jobs = this.#jobs;
    const share = this.#share;
    for (let gate = range.from; gate < range.until; gate++) {
      const slot = hubPrice.length === 0 ? -1 : this.#hub[gate]! - range.firstHub;
      const full = this.#split(gate, slot < 0 ? 0 : hubPrice[slot]!, worth, softness);
      const capacity = this.#capacity[gate]!;
      const price = this.#costEurPerKwh[gate]! + (slot < 0 ? 0 : hubPrice[slot]!);
      const row = gate * jobs;
      const steep = capacity / softness;
      let count = 0;
      let sumOfShards = 0;
      for (let j = 0; j < jobs; j++) {
        const part = share[j]!;
        if (part <= 0) continue;
        const drawn = part * capacity;
        const shards = this.#shardsPerKw[row + j]!;
        sums.value += drawn * (price - worth[j]! * shards + 0.5 * softness * part);
        sums.done[j]! += drawn * shards;
        if (slot >= 0) sums.load[slot]! += drawn;
        if (part >= 1) continue;
        sums.slopeOfJobs[j * jobs + j]! += steep * shards * shards;
        count++;
        sumOfShards += shards;
        if (full || slot < 0) continue;
        sums.slope[slot * hubPrice.length + slot]! += steep;
        sums.slopeOfJob[slot * jobs + j]! -= steep * shards;
      }
      if (!full || count === 0) continue;
      // A full gate only passes on from job to job.
      for (let j = 0; j < jobs; j++) {
        if (share[j]! <= 0 || share[j]! >= 1) continue;
        for (let i = 0; i < jobs; i++) {
          if (share[i]! <= 0 || share[i]! >= 1) continue;
          sums.slopeOfJobs[j * jobs + i]! -=
            (steep * this.#shardsPerKw[row + j]! * this.#shardsPerKw[row + i]!) / count;
        }
      }
    }
  }

  /**
   * What each gate draws for each job, in quanta, by (gate, job).
   * @param hubPrice EUR per kWh by hub, and of the grid behind them
   */
  draw(hubPrice: Float64Array, worth: Float64Array, softness: number): Float64Array {
    const drawn = new Float64Array(this.#capacity.length * this.#jobs);
    for (let gate = 0; gate < this.#capacity.length; gate++) {
      this.#split(gate, hubPrice[this.#hub[gate]!]!, worth, softness);
      for (let j = 0; j < this.#jobs; j++) drawn[gate * this.#jobs + j] = this.#share[j]! * this.#capacity[gate]!;
    }
    return drawn;
  }

  /** Parts of the gate for each job; whether they are all of it. */
  #split(gate: number, hubPrice: number, worth: Float64Array, softness: number): boolean {
    const jobs = this.#jobs;
    const share = this.#share;
    const price = this.#costEurPerKwh[gate]! + hubPrice;
    let sum = 0;
    for (let j = 0; j < jobs; j++) {
      const shards = this.#shardsPerKw[gate * jobs + j]!;
      const gain = shards > 0 ? (worth[j]! * shards - price) / softness : 0;
      share[j] = Math.max(0, gain);
      sum += share[j]!;
    }
    if (sum <= 1) return false;
    // The nearest point at which the parts sum to 1: all are less by the same, but not below 0.
    for (;;) {
      let count = 0;
      sum = 0;
      for (let j = 0; j < jobs; j++) {
        if (share[j]! <= 0) continue;
        count++;
        sum += share[j]!;
      }
      const less = (sum - 1) / count;
      if (less <= 1e-15 * sum) return true;
      for (let j = 0; j < jobs; j++) share[j] = Math.max(0, share[j]! - less);
    }
  }
}
