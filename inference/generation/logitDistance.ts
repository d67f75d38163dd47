import { nucleus, weightsOf, type SamplingOptions } from './sampling.ts';

/**
 * How far from an honest computer's choice a token is: the least change of the logits, no one by more, with which it would
 * have been drawn; 0 for the token that these logits give, Infinity for one that may not come. Two computers whose logits
 * are nowhere farther apart than d draw tokens that are within d of each other's (Token-DiFR, arXiv 2511.20621, with
 * draws by inversion in place of Gumbel noise).
 * @param logits adjusted: with bias, penalties and mask
 * @param draw from 0 up to 1; not used at temperature 0
 */
export function logitDistance(
  id: number,
  logits: Float32Array,
  { temperature, topP }: Pick<SamplingOptions, 'temperature' | 'topP'>,
  draw: number,
): number {
  const own = logits[id] ?? Number.NEGATIVE_INFINITY;
  if (!(own > Number.NEGATIVE_INFINITY)) return Number.POSITIVE_INFINITY;
  if (temperature === 0) return Math.max(0, highestOf(logits) - own) / 2;
  const { weights, sum } = weightsOf(logits, temperature);
  const odds = nucleiNear(id, weights, sum, topP).map(({ ids, apart }) => apart + drawApart(id, ids, weights, draw));
  return (temperature / 2) * Math.min(...odds);
}

interface NearNucleus {
  readonly ids: Iterable<number>;
  /** How far, in log odds, the probabilities have to shift for it. */
  readonly apart: number;
}

/**
 * The nucleus, and what it is when a token at its border is on the other side: there another computer may see another one.
 */
function nucleiNear(id: number, weights: Float64Array, sum: number, topP: number): NearNucleus[] {
  if (topP >= 1) return [{ ids: weights.keys(), apart: 0 }];
  const inside = nucleus(weights, sum, topP);
  const within = new Set(inside);
  const mass = inside.reduce((total, each) => total + (weights[each] ?? 0), 0);
  const lightest = inside.reduce((least, each) => ((weights[each] ?? 0) <= (weights[least] ?? 0) ? each : least));
  let next = -1;
  for (const [each, weight] of weights.entries()) {
    if (weight > (weights[next] ?? 0) && !within.has(each)) next = each;
  }
  const border = logOdds(topP);
  const near: NearNucleus[] = within.has(id) ? [{ ids: inside, apart: 0 }] : [];
  if (within.has(id) && inside.length > 1 && lightest !== id) {
    const before = (mass - (weights[lightest] ?? 0)) / sum;
    near.push({ ids: inside.filter((each) => each !== lightest), apart: Math.max(0, border - logOdds(before)) });
  }
  const joining = within.has(id) ? next : id;
  if (joining >= 0) {
    const weight = weights[joining] ?? 0;
    const heavier = weights.reduce((total, each) => (each > weight ? total + each : total), 0);
    near.push({ ids: [...inside, joining], apart: Math.max(0, logOdds(heavier / sum) - border) });
  }
  return near;
}

/** Tokens on one side become heavier and those on the other lighter by the same factor, until the draw falls on it. */
function drawApart(id: number, ids: Iterable<number>, weights: Float64Array, draw: number): number {
  let below = 0;
  let sum = 0;
  for (const each of ids) {
    const weight = weights[each] ?? 0;
    sum += weight;
    if (each < id) below += weight;
  }
  const [from, to] = [below / sum, (below + (weights[id] ?? 0)) / sum];
  return Math.max(0, logOdds(from) - logOdds(draw), logOdds(draw) - logOdds(to));
}

function logOdds(probability: number): number {
  const inside = Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, probability));
  return Math.log(inside / (1 - inside));
}

function highestOf(logits: Float32Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > highest) highest = logit;
  return highest;
}
