import { createColors } from 'picocolors';
import type { Colors } from './journalText.ts';

const CLEAR_LINE = '\r\u001B[2K';

/** What of a stream the terminal needs; `process.stdout` is one. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Lines that scroll above one line that stays. Without a TTY there are only plain lines that scroll. */
export class Terminal {
  readonly colors: Colors;
  readonly #stream: TerminalStream;
  readonly #live: boolean;
  #status = '';

  constructor(stream: TerminalStream, noColor = false) {
    this.#stream = stream;
    this.#live = stream.isTTY === true;
    this.colors = createColors(this.#live && !noColor);
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  print(text: string): void {
    this.#stream.write(this.#live ? `${CLEAR_LINE}${text}\n${this.#status}` : `${text}\n`);
  }

  /** Replaces the line that stays; empty removes it. */
  status(text: string): void {
    if (!this.#live || text === this.#status) return;
    this.#status = text;
    this.#stream.write(`${CLEAR_LINE}${text}`);
  }
}
