import pLimit from 'p-limit';
import { objectKeys } from '../../domain/names.ts';
import { shardsOfSlice } from '../../domain/trust/quorum.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

/** A store waits for its disk or its network most of the time that a slice takes. */
const SLICES_AT_ONCE = 16;
/** So much comes in before the size of slices is judged: by then a batch's mean is known well enough. */
const FIRST_LINES = 1_000;
const FIRST_BYTES = 4 * 1024 * 1024;
const LINE_FEED = Buffer.from('\n');

/** Writes a batch's lines as the slices of its shards, some at a time, while more lines come in. */
export class SliceWriter {
  readonly #objects: Pick<ObjectStore, 'put'>;
  readonly #batchId: string;
  readonly #sizeOf: (unitsPerLine: number) => number;
  readonly #quorum: () => number;
  readonly #writing = pLimit(SLICES_AT_ONCE);
  readonly #written: Promise<void>[] = [];
  #linesPerSlice: number | undefined;
  #slice: Uint8Array[] = [];
  #sliceBytes = 0;
  #lines = 0;
  #units = 0;

  /**
   * @param sizeOf lines of a slice, by the mean units of work of a line; asked once
   * @param quorum shards that answer each slice; asked once lines have come
   */
  constructor(
    objects: Pick<ObjectStore, 'put'>,
    batchId: string,
    sizeOf: (unitsPerLine: number) => number,
    quorum: () => number = () => 1,
  ) {
    this.#objects = objects;
    this.#batchId = batchId;
    this.#sizeOf = sizeOf;
    this.#quorum = quorum;
  }

  /** Of all lines so far. */
  get unitsPerLine(): number {
    return this.#units / this.#lines;
  }

  /** @param line without its line break; waits while too many slices are on their way @throws what the store throws */
  async add(line: Uint8Array, units: number): Promise<void> {
    this.#lines += 1;
    this.#units += units;
    this.#slice.push(line);
    this.#sliceBytes += line.byteLength;
    const isJudged = this.#linesPerSlice !== undefined || this.#lines >= FIRST_LINES || this.#sliceBytes >= FIRST_BYTES;
    if (isJudged) await this.#cut();
  }

  /** Writes what is left, and waits until all slices are stored. @returns lines of each @throws what the store throws */
  async end(): Promise<number> {
    if (this.#lines > 0) {
      await this.#cut();
      if (this.#slice.length > 0) await this.#write(this.#slice);
      this.#slice = [];
    }
    await Promise.all(this.#written);
    return this.#linesPerSlice ?? 0;
  }

  async #cut(): Promise<void> {
    const size = (this.#linesPerSlice ??= this.#sizeOf(this.unitsPerLine));
    if (this.#slice.length < size) return;
    let from = 0;
    for (; from + size <= this.#slice.length; from += size) await this.#write(this.#slice.slice(from, from + size));
    this.#slice = this.#slice.slice(from);
    this.#sliceBytes = 0;
  }

  async #write(lines: readonly Uint8Array[]): Promise<void> {
    const body = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    const shards = shardsOfSlice({ quorum: this.#quorum() }, this.#written.length);
    const write = this.#writing(async () => {
      for (const shard of shards) await this.#objects.put(objectKeys.shardInput(this.#batchId, shard), body);
    });
    // Awaited later; until then a failure is nobody's surprise.
    write.catch(() => {});
    this.#written.push(write);
    await this.#written[this.#written.length - 1 - SLICES_AT_ONCE];
  }
}
