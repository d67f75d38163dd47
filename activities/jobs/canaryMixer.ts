import { mixedSlice, type SliceKey } from '../../domain/trust/mixedSlice.ts';

/** A slice as it is stored for cars. */
export interface NumberedSlice {
  readonly slice: number;
  readonly lines: readonly Uint8Array[];
  /** Undefined where no canaries are in it. */
  readonly key?: SliceKey;
}

/**
 * Mixes canaries into the slices of a batch as they are cut. What is asked again in a slice is of another one of the same batch,
 * so that it is of the same form and of nobody else: the second slice's requests in the first, the first one's in all others.
 */
export class CanaryMixer {
  readonly #checkKey: Buffer;
  readonly #batchId: string;
  readonly #count: number;
  #first: readonly Uint8Array[] | undefined;
  #slices = 0;

  /** @param count canaries of each slice */
  constructor(checkKey: Buffer, batchId: string, count: number) {
    this.#checkKey = checkKey;
    this.#batchId = batchId;
    this.#count = count;
  }

  /** Canaries of each slice: none while there is but one, in which a line that comes twice would be known. */
  get count(): number {
    return this.#slices > 1 ? this.#count : 0;
  }

  /** @returns slices that are ready to be stored: the first one waits for the second */
  take(lines: readonly Uint8Array[]): NumberedSlice[] {
    const slice = this.#slices++;
    if (this.#count === 0) return [{ slice, lines }];
    const first = this.#first;
    if (!first) {
      this.#first = lines;
      return [];
    }
    const own = this.#mixed(slice, lines, first);
    return slice === 1 ? [this.#mixed(0, first, lines), own] : [own];
  }

  /** @returns what still waits */
  end(): NumberedSlice[] {
    return this.#slices === 1 && this.#first ? [{ slice: 0, lines: this.#first }] : [];
  }

  #mixed(slice: number, own: readonly Uint8Array[], others: readonly Uint8Array[]): NumberedSlice {
    return { slice, ...mixedSlice(this.#checkKey, { batchId: this.#batchId, slice, count: this.#count }, own, others) };
  }
}
