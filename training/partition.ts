import type { Partition } from '../domain/training.ts';
import { seededRandom } from '../domain/random.ts';
import { dirichlet, shuffled } from './random.ts';

/**
 * Shares examples among clients, each to one. Uneven shares are drawn by class, from a Dirichlet distribution over the
 * clients (Hsu et al. 2019); a client that would get nothing gets an example of the one that has most.
 * @param classes of each example; undefined where they have none, which counts as one class
 * @returns the numbers of each client's examples, ascending
 */
export function partitionExamples(
  partition: Partition,
  clients: number,
  classes: readonly (number | undefined)[],
  seed: number,
): number[][] {
  const random = seededRandom(seed);
  const order = [...shuffled(classes.length, random)];
  const shares: number[][] = Array.from({ length: clients }, () => []);
  if (partition.kind === 'even') {
    for (const [place, example] of order.entries()) shares[place % clients]?.push(example);
  } else {
    for (const examples of byClass(order, classes)) {
      const parts = dirichlet(clients, partition.alpha, random);
      let [end, sum] = [0, 0];
      for (const [client, part] of parts.entries()) {
        sum += part;
        const next = client === clients - 1 ? examples.length : Math.round(sum * examples.length);
        shares[client]?.push(...examples.slice(end, next));
        end = Math.max(end, next);
      }
    }
  }
  for (const share of shares) {
    if (share.length > 0) continue;
    const most = shares.reduce((largest, each) => (each.length > largest.length ? each : largest));
    const moved = most.length > 1 ? most.pop() : undefined;
    if (moved !== undefined) share.push(moved);
  }
  return shares.map((share) => share.sort((a, b) => a - b));
}

function byClass(order: readonly number[], classes: readonly (number | undefined)[]): number[][] {
  const found = new Map<number | undefined, number[]>();
  for (const example of order) {
    const label = classes[example];
    const same = found.get(label);
    if (same) same.push(example);
    else found.set(label, [example]);
  }
  return [...found].sort(([a = -1], [b = -1]) => a - b).map(([, examples]) => examples);
}
