/** Calls `onTimeout` once after `durationMs` of real time, not counting the time between pause() and resume(). */
export class PausableTimeout {
  readonly #onTimeout: () => void;
  #remainingMs: number;
  #startedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #cleared = false;

  constructor(durationMs: number, onTimeout: () => void) {
    this.#remainingMs = durationMs;
    this.#onTimeout = onTimeout;
  }

  resume(): void {
    if (this.#cleared || this.#timer !== undefined) return;
    this.#startedAtMs = performance.now();
    this.#timer = setTimeout(this.#onTimeout, this.#remainingMs);
  }

  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs = Math.max(0, this.#remainingMs - (performance.now() - this.#startedAtMs));
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cleared = true;
  }
}
