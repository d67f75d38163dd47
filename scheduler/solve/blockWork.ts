import { AnsweringBlock, type Answer, type Begin } from './blockAnswers.ts';
import type { LaidOutBlock } from './blocks.ts';
import type { SoftJobs } from './rentSystems.ts';
import { SoftBlock } from './softBlock.ts';

/** Steps that a block goes by itself, between those of all. */
const OWN_STEPS = 4;

/** What a block says of the jobs at its rents, and how much of its flow is off. */
export interface SoftSaid {
  readonly jobs: SoftJobs;
  readonly off: number;
}

/** Where a block is asked to settle: worths of jobs, and how exact. */
export interface SoftAsked {
  /** EUR per shard, divided by a slot's hours, by job. */
  readonly worth: Float64Array;
  readonly softness: number;
  /** Part of its flow that may be off. */
  readonly mayBeOff: number;
}

/**
 * All that is asked of one block while its relaxation is solved. Questions and answers are plain columns, and what is
 * large stays with the block, so that a block may be worked on in another thread.
 */
export class BlockWork {
  readonly #laidOut: LaidOutBlock;
  #soft: SoftBlock | undefined;
  #kept = new Float64Array();
  #found = new Float64Array();
  #before = new Float64Array();
  #answering: AnsweringBlock | undefined;

  constructor(laidOut: LaidOutBlock) {
    this.#laidOut = laidOut;
  }

  beginSoft(asked: {
    readonly slots: number;
    readonly jobs: number;
    readonly unservedCost: number;
    readonly rent: Float64Array;
  }): number {
    this.#soft = new SoftBlock(this.#laidOut, asked, asked.unservedCost, Float64Array.from(asked.rent));
    return this.#soft.flow;
  }

  /** What it says at the worths, after a few steps of its own rents where they are far off. */
  settle(asked: SoftAsked): SoftSaid {
    const soft = begun(this.#soft);
    soft.ask(asked.worth, asked.softness);
    return this.#settled(soft, asked);
  }

  /** Keeps its rents for `follow`. */
  keep(): void {
    this.#kept = Float64Array.from(begun(this.#soft).rent);
  }

  /** Its rents follow a step of the jobs' worths, from where they were kept. */
  follow(
    asked: SoftAsked & { readonly from: Float64Array; readonly step: Float64Array; readonly isFirst: boolean },
  ): SoftSaid {
    const soft = begun(this.#soft);
    if (!asked.isFirst) {
      soft.rent.set(this.#kept);
      soft.ask(asked.from, asked.softness);
    }
    soft.follow(asked.worth, asked.step, asked.softness);
    return this.#settled(soft, asked);
  }

  #settled(soft: SoftBlock, { worth, softness, mayBeOff }: SoftAsked): SoftSaid {
    for (let own = 0; own < OWN_STEPS && soft.off > mayBeOff * soft.flow; own++) soft.advance(worth, softness);
    return { jobs: soft.said, off: soft.off };
  }

  /** Its rents are those of the softness that was searched last. */
  remember(): void {
    this.#before = this.#found;
    this.#found = Float64Array.from(begun(this.#soft).rent);
  }

  /** Rents go on from the two that it remembers, by so many times their difference. */
  extrapolate(part: number): void {
    const { rent } = begun(this.#soft);
    for (let hub = 0; hub < rent.length; hub++) {
      const last = this.#found[hub] ?? 0;
      rent[hub] = last > 0 ? Math.max(0, last + part * (last - (this.#before[hub] ?? 0))) : 0;
    }
  }

  /** The rents that it remembers. */
  rents(): Float64Array {
    return this.#found;
  }

  beginAnswers(asked: Begin): {
    readonly first: Answer;
    readonly idle: Answer;
    readonly firstEur: number;
    readonly unservedEur: number;
  } {
    const answering = new AnsweringBlock(this.#laidOut, asked);
    this.#answering = answering;
    const { first, firstEur, unservedEur } = answering;
    return { first, idle: answering.idle(), firstEur, unservedEur };
  }

  /** What it does at a price for each job's shard. */
  at(jobPrice: Float64Array): Answer {
    return begun(this.#answering).at(jobPrice);
  }

  /** The prices of its hubs are those at which the bound is best so far. */
  keepPrice(): void {
    const answering = begun(this.#answering);
    answering.bestPrice = Float64Array.from(answering.price);
  }

  /** What it does when gates draw as they are told, kW of its cells then, and the best prices of its hubs. */
  beside(drawn: Float64Array): {
    readonly answer: Answer;
    readonly cellKw: Float64Array;
    readonly bestPrice: Float64Array;
  } {
    const answering = begun(this.#answering);
    const answer = answering.beside(drawn);
    return { answer, cellKw: answering.cellKw(), bestPrice: answering.bestPrice };
  }
}

function begun<Part>(part: Part | undefined): Part {
  if (!part) throw new Error('A block is asked before its part has begun.');
  return part;
}
