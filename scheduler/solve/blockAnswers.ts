import { at } from '../columns.ts';
import { BlockFlow } from './blockFlow.ts';
import type { LaidOutBlock } from './blocks.ts';
import type { BlockColumn } from './columnMaster.ts';

/** What a block does: kW of its gates by job, those that are not 0. Its cost counts from that of the block's first. */
export interface Answer extends BlockColumn {
  readonly gate: Int32Array;
  readonly job: Int32Array;
  readonly kw: Float64Array;
}

/** What a block's answers begin from. */
export interface Begin {
  readonly index: number;
  readonly jobs: number;
  readonly slotHours: number;
  readonly quantaPerKw: number;
  /** What gates draw at first, in quanta by (gate, job). */
  readonly drawn: Float64Array;
  /** EUR per kWh by hub, to begin with. */
  readonly hubPrice: Float64Array;
}

/** A block, and its flow from answer to answer. */
export class AnsweringBlock {
  readonly laidOut: LaidOutBlock;
  readonly #index: number;
  readonly #jobs: number;
  readonly #slotHours: number;
  readonly #quantaPerKw: number;
  readonly #flow: BlockFlow;
  readonly #gateValue: Float64Array;
  readonly #gateJob: Int32Array;
  readonly first: Answer;
  /** Cost of the first answer: what a block costs as a whole is far above what jobs make of a difference. */
  readonly firstEur: number;
  /** Prices of its hubs when the bound was best. */
  bestPrice: Float64Array;
  #countedFromEur = 0;

  constructor(laidOut: LaidOutBlock, begin: Begin) {
    this.laidOut = laidOut;
    this.#index = begin.index;
    this.#jobs = begin.jobs;
    this.#slotHours = begin.slotHours;
    this.#quantaPerKw = begin.quantaPerKw;
    this.#gateValue = new Float64Array(laidOut.gateStart.length - 1);
    this.#gateJob = new Int32Array(this.#gateValue.length);
    this.#flow = new BlockFlow(laidOut.block, this.#sumOfJobs(begin.drawn), begin.hubPrice);
    this.bestPrice = Float64Array.from(this.#flow.price);
    const first = this.beside(begin.drawn);
    this.first = { ...first, costEur: 0 };
    this.firstEur = first.costEur;
    this.#countedFromEur = first.costEur;
  }

  get price(): Float64Array {
    return this.#flow.price;
  }

  /** EUR of what its cars go without. */
  get unservedEur(): number {
    const quanta = this.#flow.unserved.reduce((sum, value) => sum + value, 0);
    return this.#eurOf(quanta * this.laidOut.block.unservedCost);
  }

  /** What it does when gates draw as they are told, but for what owners need more, and cars what is cheapest beside. */
  beside(drawn: Float64Array): Answer {
    const told = this.#sumOfJobs(drawn);
    this.#flow.fixGates(told);
    this.#flow.solve();
    const jobs = this.#jobs;
    return this.#answer((gate, job) => {
      const part = at(this.#flow.gateFlow, gate) < at(told, gate) ? at(this.#flow.gateFlow, gate) / at(told, gate) : 1;
      return part * at(drawn, gate * jobs + job);
    });
  }

  /** What it does at a price for each job's shard. */
  at(jobPrice: Float64Array): Answer {
    this.#valueGates(jobPrice);
    this.#flow.openGates(this.#gateValue);
    this.#flow.solve();
    return this.#answer((gate, job) => (at(this.#gateJob, gate) === job ? at(this.#flow.gateFlow, gate) : 0));
  }

  /** It computes nothing, and its cars charge as they do now. */
  idle(): Answer {
    const none = new Int32Array();
    const shards = new Float64Array(this.#jobs);
    const costEur = this.#chargeEur() - this.#countedFromEur;
    return { block: this.#index, costEur, shards, gate: none, job: none, kw: new Float64Array() };
  }

  /** kW that its cars draw, by cell. */
  cellKw(): Float64Array {
    const kw = Float64Array.from(this.#flow.cellFlow);
    for (let cell = 0; cell < kw.length; cell++) kw[cell] = at(kw, cell) / this.#quantaPerKw;
    return kw;
  }

  #sumOfJobs(drawn: Float64Array): Float64Array {
    const jobs = this.#jobs;
    return Float64Array.from(this.#gateValue, (_, gate) => {
      let quanta = 0;
      for (let j = 0; j < jobs; j++) quanta += at(drawn, gate * jobs + j);
      return Math.min(at(this.laidOut.block.gateCapacity, gate), Math.floor(quanta));
    });
  }

  /** What a kWh of each gate is worth at the jobs' prices, and for which job. */
  #valueGates(jobPrice: Float64Array): void {
    const { gateShards, gatePlugKw, gateCostEurPerKwh } = this.laidOut;
    const jobs = jobPrice.length;
    for (let g = 0; g < this.#gateValue.length; g++) {
      let most = -Infinity;
      for (let j = 0; j < jobs; j++) {
        const shards = at(gateShards, g * jobs + j);
        if (shards <= 0) continue;
        const eur = at(jobPrice, j) * shards;
        if (eur <= most) continue;
        most = eur;
        this.#gateJob[g] = j;
      }
      this.#gateValue[g] = most / (at(gatePlugKw, g) * this.#slotHours) - at(gateCostEurPerKwh, g);
    }
  }

  #answer(quantaOf: (gate: number, job: number) => number): Answer {
    const { gateShards, gatePlugKw, gateCostEurPerKwh } = this.laidOut;
    const jobs = this.#jobs;
    const shards = new Float64Array(jobs);
    const gates: number[] = [];
    const gateJobs: number[] = [];
    const gateKw: number[] = [];
    let costEur = this.#chargeEur() - this.#countedFromEur;
    for (let g = 0; g < this.#gateValue.length; g++) {
      for (let j = 0; j < jobs; j++) {
        const kw = quantaOf(g, j) / this.#quantaPerKw;
        if (kw <= 0) continue;
        costEur += kw * at(gateCostEurPerKwh, g) * this.#slotHours;
        shards[j] = at(shards, j) + (kw / at(gatePlugKw, g)) * at(gateShards, g * jobs + j);
        gates.push(g);
        gateJobs.push(j);
        gateKw.push(kw);
      }
    }
    return {
      block: this.#index,
      costEur,
      shards,
      gate: Int32Array.from(gates),
      job: Int32Array.from(gateJobs),
      kw: Float64Array.from(gateKw),
    };
  }

  #chargeEur(): number {
    const { cellCost, cellCapacity, unservedCost } = this.laidOut.block;
    const { cellFlow, unserved } = this.#flow;
    let cost = 0;
    for (let cell = 0; cell < cellCapacity.length; cell++) {
      const quanta = at(cellFlow, cell);
      if (quanta > 0) cost += quanta * at(cellCost, cell);
    }
    for (const quanta of unserved) if (quanta > 0) cost += quanta * unservedCost;
    return this.#eurOf(cost);
  }

  #eurOf(quantaCost: number): number {
    return (quantaCost / this.#quantaPerKw) * this.#slotHours;
  }
}
