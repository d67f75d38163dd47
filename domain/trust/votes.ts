import { withoutTokens } from '../answerLine.ts';
import { lineDistance } from './sameAnswer.ts';
import type { Tolerance } from './tolerance.ts';

/** What one car has answered of a slice. */
export interface Vote {
  readonly ownerId: string;
  /** Output lines, by line number. */
  readonly answers: ReadonlyMap<number, string>;
}

/**
 * Lines on which a quorum does not agree: somebody says otherwise, or too few have answered. Cars of one owner count
 * once, since they may be one liar's.
 */
export function disputedLines(
  votes: readonly Vote[],
  { lines, quorum, tolerance }: { readonly lines: number; readonly quorum: number; readonly tolerance: Tolerance },
): number[] {
  return Array.from({ length: lines }, (_, line) => line).filter((line) => {
    const said = votes.flatMap(({ ownerId, answers }) => {
      const text = answers.get(line);
      return text === undefined ? [] : [{ ownerId, text: withoutTokens(text) }];
    });
    const [first] = said;
    const owners = new Set(said.map(({ ownerId }) => ownerId));
    if (!first || owners.size < quorum) return true;
    return said.some(({ text }) => lineDistance(text, first.text) > tolerance.numbers);
  });
}
