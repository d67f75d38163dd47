import type { Random } from '../domain/random.ts';

/** From a normal distribution with mean 0 and deviation 1 (Box and Muller). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** From a gamma distribution of this shape and scale 1 (Marsaglia and Tsang 2000). */
export function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Shares that sum to 1, from a symmetric Dirichlet distribution. */
export function dirichlet(count: number, alpha: number, random: Random): number[] {
  const drawn = Array.from({ length: count }, () => gamma(alpha, random));
  const sum = drawn.reduce((total, each) => total + each, 0);
  return drawn.map((each) => (sum > 0 ? each / sum : 1 / count));
}

/** The numbers below `count` in an order by chance (Fisher and Yates). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}
