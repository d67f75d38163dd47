import { LSA_PAD, LSA_UNKNOWN } from '../runner/lsaWords.ts';
import { weighDocuments } from './countedWords.ts';
import { lsaNetwork } from './lsaNetwork.ts';
import { wordVectors } from './wordVectors.ts';

/** Beside a known word, an unknown one hardly counts; alone it still gives a vector of length 1. */
const UNKNOWN_WEIGHT = 1e-4;

export interface LsaModel {
  /** The .onnx file. */
  readonly network: Uint8Array;
  /** A token a line; the line number is its id. */
  readonly vocabulary: string;
}

/**
 * Builds a static text embedding from documents: latent semantic analysis, bag of words. Order of words and context do
 * not count. The same bytes on every run on one machine.
 */
export function buildLsa(documents: readonly string[], size: { words: number; dimensions: number }): LsaModel {
  const { dimensions } = size;
  const weighed = weighDocuments(documents, size.words);
  const vectors = wordVectors(weighed, dimensions);
  const rows = new Float64Array((weighed.words.length + 2) * dimensions);
  for (let word = 0; word < weighed.words.length; word++) {
    for (let k = 0; k < dimensions; k++) {
      const entry = (weighed.idf[word] ?? 0) * (vectors[word * dimensions + k] ?? 0);
      rows[(word + 2) * dimensions + k] = entry;
    }
  }
  rows.fill(UNKNOWN_WEIGHT, dimensions, 2 * dimensions);
  const vocabulary = [LSA_PAD, LSA_UNKNOWN, ...weighed.words].join('\n');
  return { network: lsaNetwork(rows, dimensions), vocabulary };
}
