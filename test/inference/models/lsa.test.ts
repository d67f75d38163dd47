import { expect, test } from 'vitest';

import { weighDocuments } from '../../../inference/lsa/countedWords.ts';
import { eigenvectors, orthonormalised, transposedProduct } from '../../../inference/lsa/denseMatrix.ts';
import { wordVectors } from '../../../inference/lsa/wordVectors.ts';
import { readSynsets } from '../../../inference/lsa/wordNet.ts';
import { smallLsa } from '../../support/smallModels.ts';

test('the same documents give the same bytes', () => {
  expect(Buffer.from(smallLsa().network).equals(Buffer.from(smallLsa().network))).toBe(true);
  expect(smallLsa().vocabulary.split('\n').slice(0, 2)).toEqual(['[PAD]', '[UNK]']);
});

test('an orthonormalised basis is orthonormal', () => {
  const matrix = Float64Array.from({ length: 50 * 4 }, (_, index) => Math.sin(index * index));
  const basis = orthonormalised(matrix, 50, 4);
  const gram = transposedProduct(basis, 4, basis, 4, 50);
  for (const [index, entry] of gram.entries()) expect(entry).toBeCloseTo(index % 5 === 0 ? 1 : 0, 12);
});

test('eigenvectors are those of the matrix, the largest eigenvalue first', () => {
  const vectors = eigenvectors(Float64Array.of(2, 1, 0, 1, 2, 0, 0, 0, 5), 3);
  const column = (k: number): number[] => [0, 1, 2].map((row) => Math.abs(vectors[row * 3 + k] ?? 0));
  const half = Math.SQRT1_2;
  for (const [k, expected] of [
    [0, 0, 1],
    [half, half, 0],
    [half, half, 0],
  ].entries()) {
    for (const [row, entry] of column(k).entries()) expect(entry).toBeCloseTo(expected[row] ?? 0, 10);
  }
});

test('words that stand in the same texts are near, in a sample of WordNet', async () => {
  const synsets = (await readSynsets()).filter((_, index) => index % 12 === 0);
  const documents = weighDocuments(synsets, 800);
  const dimensions = 24;
  const vectors = wordVectors(documents, dimensions);
  const vector = (word: string): Float64Array => {
    const at = documents.words.indexOf(word);
    return vectors.subarray(at * dimensions, (at + 1) * dimensions);
  };
  const cosine = (a: string, b: string): number => {
    const [x, y] = [vector(a), vector(b)];
    const dot = x.reduce((sum, entry, k) => sum + entry * (y[k] ?? 0), 0);
    return dot / (Math.hypot(...x) * Math.hypot(...y));
  };
  expect(synsets.length).toBeGreaterThan(9_000);
  expect(cosine('leaves', 'flowers')).toBeGreaterThan(cosine('leaves', 'river') + 0.2);
  expect(cosine('united', 'states')).toBeGreaterThan(cosine('united', 'flowers') + 0.2);
});
