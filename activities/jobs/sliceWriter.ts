import pLimit from 'p-limit';
import { objectKeys } from '../../domain/names.ts';
import { shardsOfSlice } from '../../domain/trust/quorum.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { writeSliceKey } from '../../store/sliceKeys.ts';
import { CanaryMixer, type NumberedSlice } from './canaryMixer.ts';

/** A store waits for its disk or its network most of the time that a slice takes. */
const SLICES_AT_ONCE = 16;
/** So much comes in before the size of slices is judged: by then a batch's mean is known well enough. */
const FIRST_LINES = 1_000;
const FIRST_BYTES = 4 * 1024 * 1024;
const LINE_FEED = Buffer.from('\n');

/** How slices are cut; each is asked once, when lines have come. */
export interface Cutting {
  /** Lines of a slice, by the mean units of work of a line. */
  readonly sizeOf: (unitsPerLine: number) => number;
  /** Shards that answer each slice. */
  readonly quorum?: () => number;
  /** Canaries to mix into each slice of so many lines, by the key. */
  readonly canaries?: { readonly checkKey: Buffer; readonly countIn: (linesPerSlice: number) => number };
}

/** Writes a batch's lines as the slices of its shards, some at a time, while more lines come in. */
export class SliceWriter {
  readonly #objects: Pick<ObjectStore, 'put'>;
  readonly #batchId: string;
  readonly #cutting: Cutting;
  readonly #writing = pLimit(SLICES_AT_ONCE);
  readonly #written: Promise<void>[] = [];
  #linesPerSlice: number | undefined;
  #mixer: CanaryMixer | undefined;
  #slice: Uint8Array[] = [];
  #sliceBytes = 0;
  #lines = 0;
  #units = 0;

  constructor(objects: Pick<ObjectStore, 'put'>, batchId: string, cutting: Cutting) {
    this.#objects = objects;
    this.#batchId = batchId;
    this.#cutting = cutting;
  }

  /** Lines of each slice that are not the submitter's. */
  get canaries(): number {
    return this.#mixer?.count ?? 0;
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
      if (this.#slice.length > 0) await this.#take(this.#slice);
      this.#slice = [];
      for (const slice of this.#mixer?.end() ?? []) await this.#write(slice);
    }
    await Promise.all(this.#written);
    return this.#linesPerSlice ?? 0;
  }

  async #cut(): Promise<void> {
    const size = (this.#linesPerSlice ??= this.#cutting.sizeOf(this.unitsPerLine));
    if (this.#slice.length < size) return;
    let from = 0;
    for (; from + size <= this.#slice.length; from += size) await this.#take(this.#slice.slice(from, from + size));
    this.#slice = this.#slice.slice(from);
    this.#sliceBytes = 0;
  }

  async #take(lines: readonly Uint8Array[]): Promise<void> {
    this.#mixer ??= this.#newMixer();
    for (const slice of this.#mixer.take(lines)) await this.#write(slice);
  }

  #newMixer(): CanaryMixer {
    const { canaries } = this.#cutting;
    const count = canaries?.countIn(this.#linesPerSlice ?? 0) ?? 0;
    return new CanaryMixer(canaries?.checkKey ?? Buffer.alloc(0), this.#batchId, count);
  }

  async #write({ slice, lines, key }: NumberedSlice): Promise<void> {
    const body = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    const shards = shardsOfSlice({ quorum: this.#cutting.quorum?.() ?? 1 }, slice);
    const write = this.#writing(async () => {
      if (key) await writeSliceKey(this.#objects, this.#batchId, slice, key);
      for (const shard of shards) await this.#objects.put(objectKeys.shardInput(this.#batchId, shard), body);
    });
    // Awaited later; until then a failure is nobody's surprise.
    write.catch(() => {});
    this.#written.push(write);
    await this.#written[this.#written.length - 1 - SLICES_AT_ONCE];
  }
}
