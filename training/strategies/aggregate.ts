import type { Aggregation } from '../../domain/training.ts';

export interface WeighedUpdate {
  /** Weights after the local steps less those before. */
  readonly update: Float32Array;
  readonly weight: number;
}

/**
 * The weighted mean of updates that come one after the other: none is kept, so that a hundred of ten million weights need
 * the memory of two (McMahan et al. 2017, with n_k as the weights).
 */
export class UpdateMean {
  readonly #sum: Float32Array;
  #weight = 0;

  constructor(length: number) {
    this.#sum = new Float32Array(length);
  }

  get weight(): number {
    return this.#weight;
  }

  /** @throws RangeError for an update of another length, or a weight that is none */
  add({ update, weight }: WeighedUpdate): void {
    const sum = this.#sum;
    if (update.length !== sum.length)
      throw new RangeError(`An update has ${update.length} weights, not ${sum.length}.`);
    if (!(weight > 0) || !Number.isFinite(weight)) throw new RangeError(`An update weighs ${weight}.`);
    this.#weight += weight;
    // The mean so far moves towards the update by its share: sums of many would lose digits.
    const part = weight / this.#weight;
    for (let i = 0; i < sum.length; i++) {
      const before = sum[i] ?? 0;
      sum[i] = before + part * ((update[i] ?? 0) - before);
    }
  }

  /** Of no updates, no change. */
  get mean(): Float32Array {
    return this.#sum;
  }
}

/** One update of many. The median and the trimmed mean count each client once, so that no few of them decide (Yin et al. 2018). */
export function aggregate(
  { kind, ...options }: Aggregation,
  updates: readonly WeighedUpdate[],
  length: number,
): Float32Array {
  if (kind === 'mean') {
    const mean = new UpdateMean(length);
    for (const each of updates) mean.add(each);
    return mean.mean;
  }
  if (updates.length === 0) return new Float32Array(length);
  const trim = 'trim' in options ? options.trim : 0.5;
  return trimmedMean(
    updates.map(({ update }) => update),
    kind === 'median' ? 0.5 : trim,
  );
}

/** Of each coordinate, the mean of what is left when this share of the values was taken off at either end; 0.5: the median. */
function trimmedMean(updates: readonly Float32Array[], trim: number): Float32Array {
  const count = updates.length;
  const off = Math.min(Math.floor(trim * count), Math.ceil(count / 2) - 1);
  const column = new Float32Array(count);
  const kept = count - 2 * off;
  return Float32Array.from({ length: updates[0]?.length ?? 0 }, (_, index) => {
    for (const [client, update] of updates.entries()) column[client] = update[index] ?? 0;
    column.sort();
    let sum = 0;
    for (let rank = off; rank < count - off; rank++) sum += column[rank] ?? 0;
    return sum / kept;
  });
}
