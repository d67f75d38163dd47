/** How one token is chosen from the network's logits. */
export interface SamplingOptions {
  /** 0: the likeliest token, the one with the lowest id among equals. */
  readonly temperature: number;
  readonly topP: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** By token id. */
  readonly logitBias: ReadonlyMap<number, number>;
}

/** Bit `id` says whether the token may come. */
export type TokenMask = Uint32Array;

export function isAllowed(mask: TokenMask, id: number): boolean {
  return (((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1;
}

/**
 * Changes the logits in place: bias, penalties for tokens that the answer has, and -Infinity for what the mask bans.
 * @param counts of the answer's tokens so far
 */
export function adjustLogits(
  logits: Float32Array,
  { logitBias, presencePenalty, frequencyPenalty }: SamplingOptions,
  counts: ReadonlyMap<number, number>,
  mask: TokenMask | undefined,
): void {
  for (const [id, bias] of logitBias) {
    // -100 is documented as a ban; of very large logits it would not be one.
    if (id < logits.length) logits[id] = bias <= -100 ? Number.NEGATIVE_INFINITY : (logits[id] ?? 0) + bias;
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const [id, count] of counts) {
      logits[id] = (logits[id] ?? 0) - presencePenalty - frequencyPenalty * count;
    }
  }
  if (mask) {
    for (let id = 0; id < logits.length; id += 1) if (!isAllowed(mask, id)) logits[id] = Number.NEGATIVE_INFINITY;
  }
}

/**
 * @param draw from 0 up to 1; not used at temperature 0
 * @returns a token id, or undefined when every token is banned or no logit is a number
 */
export function chooseToken(
  logits: Float32Array,
  { temperature, topP }: Pick<SamplingOptions, 'temperature' | 'topP'>,
  draw: number,
): number | undefined {
  const best = argmax(logits);
  if (best === undefined || temperature === 0) return best;
  const { weights, sum } = weightsOf(logits, temperature);
  if (topP >= 1) return drawnOfAll(weights, draw * sum) ?? best;
  const kept = nucleus(weights, sum, topP);
  const keptSum = kept.reduce((total, id) => total + (weights[id] ?? 0), 0);
  return drawn(kept, weights, draw * keptSum) ?? best;
}

/** Probabilities by token id, of `sum` in all. */
export function weightsOf(
  logits: Float32Array,
  temperature: number,
): { readonly weights: Float64Array; readonly sum: number } {
  const highest = logits[argmax(logits) ?? 0] ?? 0;
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let id = 0; id < logits.length; id += 1) {
    const weight = Math.exp(((logits[id] ?? 0) - highest) / temperature);
    weights[id] = Number.isNaN(weight) ? 0 : weight;
    sum += weights[id] ?? 0;
  }
  return { weights, sum };
}

/** Of logits and of draws: sums in another order differ by less, and a car that read a text may see another tie. */
const TIE = 1e-3;

/**
 * Whether an attempt on another car may have drawn the token from these logits: as `chooseToken` does, or at a tie.
 * @param draw see `chooseToken`
 */
export function mayBeDrawn(id: number, logits: Float32Array, sampling: SamplingOptions, draw: number): boolean {
  if (!((logits[id] ?? Number.NEGATIVE_INFINITY) > Number.NEGATIVE_INFINITY)) return false;
  const chosen = chooseToken(logits, sampling, draw);
  if (chosen === id) return true;
  if (chosen === undefined) return false;
  if (sampling.temperature === 0) return (logits[chosen] ?? 0) - (logits[id] ?? 0) <= TIE;
  return [draw - TIE, draw + TIE].some((near) => chooseToken(logits, sampling, clamped(near)) === id);
}

function clamped(draw: number): number {
  return Math.min(1 - Number.EPSILON, Math.max(0, draw));
}

/** Like `drawn` of every id; a plain loop, since iterators over a vocabulary take as long as the weights themselves. */
function drawnOfAll(weights: Float64Array, target: number): number | undefined {
  let reached = 0;
  for (let id = 0; id < weights.length; id += 1) {
    reached += weights[id] ?? 0;
    if (reached > target) return id;
  }
  return undefined;
}

/** The first id at which the running sum passes `target`. */
function drawn(ids: readonly number[], weights: Float64Array, target: number): number | undefined {
  let reached = 0;
  for (const id of ids) {
    reached += weights[id] ?? 0;
    if (reached > target) return id;
  }
  return undefined;
}

/** The fewest tokens whose probabilities reach `topP`, in order of id. */
export function nucleus(weights: Float64Array, sum: number, topP: number): number[] {
  // All that are lighter than this weigh less than 1 - topP together, so none of them is needed.
  const lightest = ((1 - topP) * sum) / weights.length;
  const candidates: number[] = [];
  for (let id = 0; id < weights.length; id += 1) {
    const weight = weights[id] ?? 0;
    if (weight > 0 && weight >= lightest) candidates.push(id);
  }
  candidates.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  let reached = 0;
  const count = candidates.findIndex((id) => (reached += weights[id] ?? 0) >= topP * sum);
  return (count === -1 ? candidates : candidates.slice(0, count + 1)).sort((a, b) => a - b);
}

function argmax(logits: Float32Array): number | undefined {
  let best: number | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] ?? 0;
    if (logit > highest) {
      highest = logit;
      best = id;
    }
  }
  return best;
}

export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/** A drawn token with the likeliest ones at its place, by the network's own distribution: before bias and mask. */
export interface PlaceLogprobs extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

/** Least that is told: JSON has no -Infinity. */
const LOWEST_LOGPROB = -9_999;

/** Call it before adjustLogits. */
export function logprobsAt(logits: Float32Array, top: number): (id: number) => PlaceLogprobs {
  const highest = logits[argmax(logits) ?? 0] ?? 0;
  let sum = 0;
  for (let id = 0; id < logits.length; id += 1) sum += Math.exp((logits[id] ?? 0) - highest);
  const normaliser = highest + Math.log(sum);
  const of = (id: number, logit: number): TokenLogprob => ({
    id,
    logprob: Math.max(LOWEST_LOGPROB, logit - normaliser),
  });
  const likeliest = largest(logits, top).map((id) => of(id, logits[id] ?? 0));
  const own = logits.slice();
  return (id) => ({ ...of(id, own[id] ?? LOWEST_LOGPROB), top: likeliest });
}

/** Ids of the `count` largest logits, largest first. */
function largest(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] ?? 0;
    if (ids.length === count && logit <= (logits[ids.at(-1) ?? 0] ?? 0)) continue;
    let at = ids.length;
    while (at > 0 && (logits[ids[at - 1] ?? 0] ?? 0) < logit) at -= 1;
    ids.splice(at, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
