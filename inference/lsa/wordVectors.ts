import { seededRandom } from '../../domain/random.ts';
import { add, eigenvectors, orthonormalised, product, transposedProduct } from './denseMatrix.ts';
import type { WeightedDocuments } from './countedWords.ts';

/** More directions than are kept make the kept ones exact enough (Halko, Martinsson and Tropp 2011). */
const SPARE_DIRECTIONS = 16;
const POWER_ITERATIONS = 2;
const SEED = 20_260_101;

/**
 * The leading right singular vectors of the documents by randomised subspace iteration: a row for each word, `dimensions`
 * columns, the strongest direction first. The same on every run.
 */
export function wordVectors(documents: WeightedDocuments, dimensions: number): Float64Array {
  const words = documents.words.length;
  const size = Math.min(words, dimensions + SPARE_DIRECTIONS);
  const random = seededRandom(SEED);
  let basis = orthonormalised(
    Float64Array.from({ length: words * size }, () => random() + random() + random() - 1.5),
    words,
    size,
  );
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration++) {
    basis = orthonormalised(gramTimes(documents, basis, size), words, size);
  }
  const small = transposedProduct(basis, size, gramTimes(documents, basis, size), size, words);
  const rotated = product(basis, words, eigenvectors(small, size), size);
  const vectors = new Float64Array(words * dimensions);
  for (let word = 0; word < words; word++) {
    for (let dimension = 0; dimension < Math.min(dimensions, size); dimension++) {
      vectors[word * dimensions + dimension] = rotated[word * size + dimension] ?? 0;
    }
  }
  return vectors;
}

/** aᵀ a b for the documents a, a row at a time. */
function gramTimes({ rowStarts, columns, weights }: WeightedDocuments, b: Float64Array, size: number): Float64Array {
  const result = new Float64Array(b.length);
  const row = new Float64Array(size);
  for (let document = 0; document + 1 < rowStarts.length; document++) {
    const start = rowStarts[document] ?? 0;
    const end = rowStarts[document + 1] ?? 0;
    row.fill(0);
    for (let entry = start; entry < end; entry++) {
      const from = (columns[entry] ?? 0) * size;
      const weight = weights[entry] ?? 0;
      for (let k = 0; k < size; k++) add(row, k, weight * (b[from + k] ?? 0));
    }
    for (let entry = start; entry < end; entry++) {
      const to = (columns[entry] ?? 0) * size;
      const weight = weights[entry] ?? 0;
      for (let k = 0; k < size; k++) add(result, to + k, weight * (row[k] ?? 0));
    }
  }
  return result;
}
