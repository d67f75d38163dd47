const MAX_LINES = 64;

/** Chooses how many lines to compute at a time, from how long the last ones took. */
export class MicroBatchSizer {
  readonly #targetMs: number;
  #lines = 1;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Grows by doubling at most, since the first lines of a process say little; shrinks at once. */
  measured(lines: number, elapsedMs: number): void {
    const fitting = Math.floor((this.#targetMs * lines) / Math.max(elapsedMs, 1));
    this.#lines = Math.max(1, Math.min(fitting, this.#lines * 2, MAX_LINES));
  }
}
