import pLimit from 'p-limit';
import { objectKeys } from '../../domain/names.ts';
import type { SliceKey } from '../../domain/trust/mixedSlice.ts';
import { shardsOfSlice } from '../../domain/trust/quorum.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { writeSliceKey } from '../../store/sliceKeys.ts';
import { packOf } from '../../store/slices.ts';
import { CanaryMixer, type NumberedSlice } from './canaryMixer.ts';

/** A store waits for its disk or its network most of the time that an object takes. */
const SLICES_AT_ONCE = 16;
/** Each of some MiB, which are held while they are written. */
const PACKS_AT_ONCE = 2;
/** So much comes in before the size of slices is judged: by then a batch's mean is known well enough. */
const FIRST_LINES = 1_000;
const FIRST_BYTES = 4 * 1024 * 1024;
/** Who wants one slice has those before it read over: so little, and so few, that it does not matter. */
const PACK_BYTES = 4 * 1024 * 1024;
const MAX_SLICES_PER_PACK = 16;
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

interface Form {
  readonly linesPerSlice: number;
  readonly slicesPerPack: number;
}

/** Writes a batch's lines as the slices of its shards, some at a time, while more lines come in. */
export class SliceWriter {
  readonly #objects: Pick<ObjectStore, 'put'>;
  readonly #batchId: string;
  readonly #cutting: Cutting;
  readonly #writing = pLimit(SLICES_AT_ONCE);
  readonly #written: Promise<void>[] = [];
  readonly #keys: Promise<void>[] = [];
  #form: Form | undefined;
  #mixer: CanaryMixer | undefined;
  /** Lines that make no whole slice yet. */
  #slice: Uint8Array[] = [];
  /** Slices that make no whole pack yet. */
  #pack: Uint8Array[][] = [];
  #lines = 0;
  #bytes = 0;
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

  /**
   * @param line without its line break
   * @returns what is to be waited for before the next line, since much is on its way; it fails as the store does
   */
  add(line: Uint8Array, units: number): Promise<void> | undefined {
    this.#lines += 1;
    this.#bytes += line.byteLength + LINE_FEED.byteLength;
    this.#units += units;
    this.#slice.push(line);
    const isJudged = this.#form !== undefined || this.#lines >= FIRST_LINES || this.#bytes >= FIRST_BYTES;
    if (!isJudged) return undefined;
    const form = (this.#form ??= this.#judged());
    return this.#slice.length < form.linesPerSlice ? undefined : this.#cut(form);
  }

  /** Writes what is left, and waits until all is stored. @returns how slices stand there @throws what the store throws */
  async end(): Promise<Form> {
    // Of a small batch each slice stands alone: there are few.
    const form = (this.#form ??= { linesPerSlice: this.#lines === 0 ? 0 : this.#size(), slicesPerPack: 1 });
    if (this.#lines > 0) {
      await this.#cut(form);
      if (this.#slice.length > 0) await this.#take(this.#slice, form);
      this.#slice = [];
      for (const slice of this.#mixer?.end() ?? []) await this.#store(slice, form);
      if (this.#pack.length > 0) await this.#writePack(form);
    }
    await Promise.all([...this.#written, ...this.#keys]);
    return form;
  }

  #size(): number {
    return this.#cutting.sizeOf(this.unitsPerLine);
  }

  #judged(): Form {
    const linesPerSlice = this.#size();
    const sliceBytes = (this.#bytes / this.#lines) * linesPerSlice;
    const slicesPerPack = Math.max(1, Math.min(MAX_SLICES_PER_PACK, Math.floor(PACK_BYTES / sliceBytes)));
    return { linesPerSlice, slicesPerPack };
  }

  async #cut(form: Form): Promise<void> {
    const { linesPerSlice: size } = form;
    if (this.#slice.length < size) return;
    let from = 0;
    for (; from + size <= this.#slice.length; from += size)
      await this.#take(this.#slice.slice(from, from + size), form);
    this.#slice = this.#slice.slice(from);
  }

  async #take(lines: readonly Uint8Array[], form: Form): Promise<void> {
    const mixer = (this.#mixer ??= this.#newMixer(form));
    for (const slice of mixer.take(lines)) await this.#store(slice, form);
  }

  #newMixer({ linesPerSlice }: Form): CanaryMixer {
    const { canaries } = this.#cutting;
    const count = canaries?.countIn(linesPerSlice) ?? 0;
    return new CanaryMixer(canaries?.checkKey ?? Buffer.alloc(0), this.#batchId, count);
  }

  /** Slices come in their order. */
  async #store({ slice, lines, key }: NumberedSlice, form: Form): Promise<void> {
    if (key) await this.#storeKey(slice, key);
    const pieces = lines.flatMap((line) => [line, LINE_FEED]);
    if (form.slicesPerPack > 1) {
      this.#pack.push(pieces);
      if (this.#pack.length === form.slicesPerPack) await this.#writePack(form);
      return;
    }
    const shards = shardsOfSlice({ quorum: this.#cutting.quorum?.() ?? 1 }, slice);
    await this.#write(
      shards.map((shard) => objectKeys.shardInput(this.#batchId, shard)),
      Buffer.concat(pieces),
      SLICES_AT_ONCE,
    );
  }

  async #storeKey(slice: number, key: SliceKey): Promise<void> {
    const write = this.#writing(() => writeSliceKey(this.#objects, this.#batchId, slice, key));
    write.catch(() => {});
    this.#keys.push(write);
    await this.#keys[this.#keys.length - 1 - SLICES_AT_ONCE];
  }

  async #writePack({ slicesPerPack }: Form): Promise<void> {
    const body = packOf(this.#pack, slicesPerPack);
    this.#pack = [];
    await this.#write([objectKeys.slicePack(this.#batchId, this.#written.length)], body, PACKS_AT_ONCE);
  }

  async #write(keys: readonly string[], body: Uint8Array, atOnce: number): Promise<void> {
    const write = this.#writing(async () => {
      for (const key of keys) await this.#objects.put(key, body);
    });
    // Awaited later; until then a failure is nobody's surprise.
    write.catch(() => {});
    this.#written.push(write);
    await this.#written[this.#written.length - 1 - atOnce];
  }
}
