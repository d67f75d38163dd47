import { BlockWork } from './blockWork.ts';
import type { LaidOutBlock } from './blocks.ts';

type Work = Pick<BlockWork, keyof BlockWork>;
export type Question = keyof Work;
/** Questions without an answer. */
export type Command = 'keep' | 'remember' | 'extrapolate' | 'keepPrice';
export type Asked<Name extends Question> = Parameters<Work[Name]>[0];
export type Answered<Name extends Question> = ReturnType<Work[Name]>;

/** Who works on the blocks of a relaxation. What comes out does not depend on who does. */
export interface Crew {
  /** Asks all blocks the same; answers come in their order. */
  ask<Name extends Question>(name: Name, askedOf: (block: number) => Asked<Name>): Answered<Name>[];
  /** Tells all blocks the same, which nobody has to wait for. */
  tell<Name extends Command>(name: Name, told: Asked<Name>): void;
}

/** Gathers a crew for the blocks. */
export type Gather = (blocks: readonly LaidOutBlock[]) => Crew;

/** One block after the other, in this thread. */
export const alone: Gather = (blocks) => {
  const works = blocks.map((block) => new BlockWork(block));
  return {
    ask: (name, askedOf) => works.map((work, block) => answerOf(work, name, askedOf(block))),
    tell: (name, told) => {
      for (const work of works) answerOf(work, name, told);
    },
  };
};

/** What the block answers to the question of that name. */
export function answerOf<Name extends Question>(work: BlockWork, name: Name, asked: Asked<Name>): Answered<Name> {
  // A method's parameters and its result belong together, which a union of methods does not say.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const method = work[name] as (asked: Asked<Name>) => Answered<Name>;
  return method.call(work, asked);
}
