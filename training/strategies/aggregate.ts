import type { Aggregation } from '../../domain/training.ts';

export interface WeighedUpdate {
  /** Weights after the local steps less those before. */
  readonly update: Float32Array;
  readonly weight: number;
}

/** Updates that are added in one pass: what that costs is to read the sum and write it again. */
const ADDED_AT_ONCE = 4;

/**
 * The weighted mean of updates that come one after the other: few are kept, so that a hundred of ten million weights need
 * the memory of five (McMahan et al. 2017, with n_k as the weights).
 */
export class UpdateMean {
  readonly #mean: Float32Array;
  #pending: WeighedUpdate[] = [];
  #weight = 0;

  constructor(length: number) {
    this.#mean = new Float32Array(length);
  }

  /**
   * @param added it is read later: it must stay as it is
   * @throws RangeError for an update of another length, or a weight that is none
   */
  add(added: WeighedUpdate): void {
    const { update, weight } = added;
    const { length } = this.#mean;
    if (update.length !== length) throw new RangeError(`An update has ${update.length} weights, not ${length}.`);
    if (!(weight > 0) || !Number.isFinite(weight)) throw new RangeError(`An update weighs ${weight}.`);
    this.#pending.push(added);
    if (this.#pending.length === ADDED_AT_ONCE) this.#takeIn();
  }

  /** Of no updates, no change. */
  get mean(): Float32Array {
    this.#takeIn();
    return this.#mean;
  }

  /** A mean all the while: sums of many would lose digits. */
  #takeIn(): void {
    const [a, b, c, d] = this.#pending;
    if (a && b && c && d) {
      const before = this.#weight;
      const all = before + a.weight + b.weight + c.weight + d.weight;
      const shares = [before, a.weight, b.weight, c.weight, d.weight].map((weight) => weight / all);
      addFour(this.#mean, [a.update, b.update, c.update, d.update], shares);
      this.#weight = all;
    } else {
      for (const { update, weight } of this.#pending) {
        this.#weight += weight;
        addOne(this.#mean, update, weight / this.#weight);
      }
    }
    this.#pending = [];
  }
}

function addFour(
  mean: Float32Array,
  [a = mean, b = mean, c = mean, d = mean]: readonly Float32Array[],
  [kept = 1, ofA = 0, ofB = 0, ofC = 0, ofD = 0]: readonly number[],
): void {
  for (let i = 0; i < mean.length; i++) {
    mean[i] = kept * (mean[i] ?? 0) + ofA * (a[i] ?? 0) + ofB * (b[i] ?? 0) + ofC * (c[i] ?? 0) + ofD * (d[i] ?? 0);
  }
}

function addOne(mean: Float32Array, update: Float32Array, share: number): void {
  for (let i = 0; i < mean.length; i++) {
    const before = mean[i] ?? 0;
    mean[i] = before + share * ((update[i] ?? 0) - before);
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
  const mean = new Float32Array(updates[0]?.length ?? 0);
  for (let index = 0; index < mean.length; index++) {
    for (let client = 0; client < count; client++) column[client] = updates[client]?.[index] ?? 0;
    column.sort();
    let sum = 0;
    for (let rank = off; rank < count - off; rank++) sum += column[rank] ?? 0;
    mean[index] = sum / kept;
  }
  return mean;
}
