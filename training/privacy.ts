import type { Privacy } from '../domain/training.ts';

/** Orders at which the Rényi divergence is followed. */
const ORDERS = [1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256];

/**
 * How much the weights may tell of any one client after so many rounds: epsilon of (epsilon, delta) differential privacy,
 * for the Gaussian mechanism, followed by Rényi divergence (Mironov 2017) and turned into epsilon by Balle et al. 2020.
 * Sampling of clients is not counted in their favour: the true loss is smaller.
 * @returns Infinity without noise
 */
export function epsilonOf(
  { noise_multiplier, delta }: Pick<Privacy, 'noise_multiplier' | 'delta'>,
  rounds: number,
): number {
  if (rounds === 0) return 0;
  if (noise_multiplier === 0) return Number.POSITIVE_INFINITY;
  const bounds = ORDERS.map((order) => {
    const divergence = (rounds * order) / (2 * noise_multiplier ** 2);
    return divergence + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1);
  });
  return Math.max(0, Math.min(...bounds));
}

/** How many rounds stay within a budget. */
export function roundsWithin(privacy: Pick<Privacy, 'noise_multiplier' | 'delta'>, maxEpsilon: number): number {
  // Epsilon grows with every round: twice as many each time until they are too many, then the last that fits.
  let [fits, tooMany] = [0, 1];
  while (epsilonOf(privacy, tooMany) <= maxEpsilon) [fits, tooMany] = [tooMany, 2 * tooMany];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (epsilonOf(privacy, middle) <= maxEpsilon) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

/**
 * Adds the noise of a round to the mean of its clipped updates, in place.
 * @param clients that count alike
 * @param draw from a normal distribution with mean 0 and deviation 1, of a generator that nobody can predict
 */
export function addNoise(
  mean: Float32Array,
  { clip_norm, noise_multiplier }: Pick<Privacy, 'clip_norm' | 'noise_multiplier'>,
  clients: number,
  draw: () => number,
): void {
  const deviation = (clip_norm * noise_multiplier) / clients;
  for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + deviation * draw();
}
