/**
 * Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a pure
 * function of a key and a counter. So any car draws the same number at the same place of an answer, and an auditor
 * can draw it again.
 */
export type PhiloxKey = readonly [number, number];
type Block = readonly [number, number, number, number];

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
const KEY_STEPS = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;
const TWO_TO_26 = 2 ** 26;
const TWO_TO_53 = 2 ** 53;

/** Four words of 32 bits each. */
export function philox(counter: Block, key: PhiloxKey): Block {
  let [a, b, c, d] = counter;
  let [first, second] = key;
  for (let round = 0; round < ROUNDS; round += 1) {
    const low0 = Math.imul(MULTIPLIERS[0], a) >>> 0;
    const low1 = Math.imul(MULTIPLIERS[1], c) >>> 0;
    const high0 = highWord(MULTIPLIERS[0], a);
    const high1 = highWord(MULTIPLIERS[1], c);
    [a, b, c, d] = [(high1 ^ b ^ first) >>> 0, low1, (high0 ^ d ^ second) >>> 0, low0];
    first = (first + KEY_STEPS[0]) >>> 0;
    second = (second + KEY_STEPS[1]) >>> 0;
  }
  return [a, b, c, d];
}

/** From 0 up to, not including, 1: for the token at `position` of an answer's choice. */
export function uniform(key: PhiloxKey, choice: number, position: number): number {
  const [high, low] = philox([position >>> 0, choice >>> 0, 0, 0], key);
  return ((high >>> 5) * TWO_TO_26 + (low >>> 6)) / TWO_TO_53;
}

/** The upper 32 bits of a product of two words. */
function highWord(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const rest = aLow * bHigh + (middle % 0x1_0000);
  return (aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(rest / 0x1_0000)) >>> 0;
}
