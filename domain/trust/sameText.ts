import type { ReplayedChoice } from '../answerLine.ts';
import { parseJson } from '../json.ts';
import { answerDistance } from './sameAnswer.ts';
import type { Tolerance } from './tolerance.ts';

/** How a generated answer holds against a trusted computer that has read its tokens. */
export interface HeldText {
  /** Whether the line says something that no honest computer says. */
  readonly differs: boolean;
  readonly tokens: number;
  /** Tokens that are farther from the draw than the tolerance allows. Some are nobody's fault; many are another model. */
  readonly divergent: number;
}

/**
 * So many tolerances away, a token was not drawn from this model at all: an end where the text would have gone on, words
 * that somebody made up.
 */
const ABSURD = 8;
const LEAST_ABSURD_LOGITS = 1;

/**
 * Never asks for the same words: honest computers part at near ties. The text must be what its tokens spell, end for a
 * reason, and each token must be one that the model may have drawn there.
 * @param line as the car stored it @param reread the line that the trusted computer makes of the car's own tokens
 */
export function holdText(
  line: string,
  reread: string,
  replay: readonly ReplayedChoice[] | undefined,
  { logits }: Tolerance,
): HeldText {
  const distances = replay?.flatMap((choice) => [...choice.distances]) ?? [];
  const absurd = Math.max(LEAST_ABSURD_LOGITS, ABSURD * logits);
  const isWhole = replay?.every((choice) => choice.isWhole) === true;
  // Logarithms of probabilities are as far apart as the logits, twice over: those of the token and of their sum.
  const isSpelled = answerDistance(told(line), told(reread)) <= 2 * logits;
  return {
    // An error has no tokens: the trusted computer must come to the same one.
    differs: replay ? !isWhole || !isSpelled || distances.some((distance) => distance > absurd) : !isSpelled,
    tokens: distances.length,
    divergent: distances.filter((distance) => distance > logits).length,
  };
}

/** Without what may be in another order on another computer: the alternatives at each place. */
function told(line: string): unknown {
  return stripped(parseJson(line));
}

function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (name === 'top_logprobs' ? [] : [[name, stripped(each)]])),
  );
}
