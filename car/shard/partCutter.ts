import type { LineRange } from '../../domain/names.ts';
import { MAX_PART_BYTES } from '../../domain/shards.ts';

/** Consecutive answers as they are stored: one part. */
export interface CutPart {
  readonly range: LineRange;
  readonly body: string;
}

/** Far below what the store takes: parts wait in memory while it is out of reach. */
const CUT_ABOVE_BYTES = MAX_PART_BYTES / 8;

/** Gathers answers of consecutive lines and cuts a part wherever the next answer would make it too large. */
export class PartCutter {
  readonly #cutAboveBytes: number;
  #start = 0;
  #lines: string[] = [];
  #bytes = 0;

  constructor(cutAboveBytes: number = CUT_ABOVE_BYTES) {
    this.#cutAboveBytes = cutAboveBytes;
  }

  /** Takes the answer to line `number`. @returns the part before it when that is large enough */
  add(number: number, line: string): CutPart | undefined {
    const bytes = Buffer.byteLength(line) + 1;
    const before = this.#bytes + bytes > this.#cutAboveBytes ? this.cut() : undefined;
    if (this.#lines.length === 0) this.#start = number;
    this.#lines.push(line);
    this.#bytes += bytes;
    return before;
  }

  /** @returns what was gathered since the last cut, or undefined when that is nothing */
  cut(): CutPart | undefined {
    if (this.#lines.length === 0) return undefined;
    const range = { start: this.#start, end: this.#start + this.#lines.length };
    const body = this.#lines.map((line) => `${line}\n`).join('');
    this.#lines = [];
    this.#bytes = 0;
    return { range, body };
  }
}
