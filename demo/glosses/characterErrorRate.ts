import { editDistance } from '../../domain/editDistance.ts';

/**
 * Edits (insert, delete, replace one character) that turn the answers into the truth, per character of the truth, over
 * the lines that were answered. White space at the ends does not count: the recognition model likes to end with a
 * blank. NaN when nothing was answered.
 */
export function characterErrorRate(truth: ReadonlyMap<string, string>, answers: ReadonlyMap<string, string>): number {
  let edits = 0;
  let characters = 0;
  for (const [customId, answer] of answers) {
    const expected = truth.get(customId);
    if (expected === undefined) continue;
    edits += editDistance(expected.trim(), answer.trim());
    characters += expected.trim().length;
  }
  return edits / characters;
}
