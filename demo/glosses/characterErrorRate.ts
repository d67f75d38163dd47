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

/** Levenshtein distance, one row at a time (Wagner and Fischer 1974). */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
