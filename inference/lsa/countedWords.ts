import { lsaWords } from '../runner/lsaWords.ts';

/** Documents as rows of weights by word: tf-idf, each row of length 1. Compressed sparse rows. */
export interface WeightedDocuments {
  readonly words: readonly string[];
  readonly idf: Float64Array;
  readonly rowStarts: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float64Array;
}

/** Weighs the most frequent words of the documents; words as frequent as each other are taken in order of the alphabet. */
export function weighDocuments(documents: readonly string[], wordCount: number): WeightedDocuments {
  const tokenised = documents.map(lsaWords);
  const frequency = new Map<string, number>();
  for (const document of tokenised) {
    for (const word of new Set(document)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  const chosen = [...frequency]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, wordCount);
  const words = chosen.map(([word]) => word);
  const idf = Float64Array.from(chosen, ([, count]) => Math.log(documents.length / count));
  const columnOf = new Map(words.map((word, column) => [word, column]));

  const rowStarts = new Uint32Array(documents.length + 1);
  const columns: number[] = [];
  const weights: number[] = [];
  for (const [row, document] of tokenised.entries()) {
    const counts = new Map<number, number>();
    for (const word of document) {
      const column = columnOf.get(word);
      if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
    }
    const entries = [...counts].map(([column, count]): [number, number] => [column, count * (idf[column] ?? 0)]);
    const length = Math.hypot(...entries.map(([, weight]) => weight)) || 1;
    for (const [column, weight] of entries) {
      columns.push(column);
      weights.push(weight / length);
    }
    rowStarts[row + 1] = columns.length;
  }
  return { words, idf, rowStarts, columns: Uint32Array.from(columns), weights: Float64Array.from(weights) };
}
