import { condition } from '@temporalio/workflow';

/** Writes beside a workflow's loop and one at a time: what changes while one write is under way is in the next. */
export class ProgressWriter {
  readonly #write: () => Promise<void>;
  readonly #written: Promise<void>;
  #isOutdated = false;
  #isWriting = false;
  #isEnded = false;

  constructor(write: () => Promise<void>) {
    this.#write = write;
    this.#written = this.#run();
  }

  get isIdle(): boolean {
    return !this.#isOutdated && !this.#isWriting;
  }

  outdated(): void {
    this.#isOutdated = true;
  }

  /** Lets the write that is under way end. */
  end(): Promise<void> {
    this.#isEnded = true;
    return this.#written;
  }

  async #run(): Promise<void> {
    for (;;) {
      await condition(() => this.#isOutdated || this.#isEnded);
      if (this.#isEnded) return;
      this.#isOutdated = false;
      this.#isWriting = true;
      await this.#write();
      this.#isWriting = false;
    }
  }
}
