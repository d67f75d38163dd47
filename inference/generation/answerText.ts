/**
 * The text of an answer as its tokens come: characters whose bytes are not all there are held back, and so is what may
 * be the beginning of a stop string.
 */
export class AnswerText {
  readonly #stops: readonly string[];
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #stripSpace: boolean;
  #text = '';
  #released = 0;
  #stopped = false;

  /** @param stripFirstSpace see Vocabulary.stripsFirstSpace */
  constructor(stops: readonly string[], stripFirstSpace: boolean) {
    this.#stops = stops;
    this.#stripSpace = stripFirstSpace;
  }

  /** Whether a stop string has come; the text ends before it. */
  get stopped(): boolean {
    return this.#stopped;
  }

  get text(): string {
    return this.#text;
  }

  push(bytes: Uint8Array): void {
    this.#append(this.#decoder.decode(bytes, { stream: true }));
  }

  /** After the last token: an unfinished character becomes U+FFFD, and nothing is held back any more. */
  end(): void {
    if (!this.#stopped) this.#append(this.#decoder.decode());
  }

  /** What has been added since the last call and will stay. */
  release(ended: boolean): string {
    const until = ended || this.#stopped ? this.#text.length : this.#text.length - this.#heldBack();
    const released = this.#text.slice(this.#released, until);
    this.#released = Math.max(this.#released, until);
    return released;
  }

  #append(piece: string): void {
    if (piece === '' || this.#stopped) return;
    const searchFrom = Math.max(0, this.#text.length - Math.max(0, ...this.#stops.map((stop) => stop.length - 1)));
    this.#text += this.#stripSpace && piece.startsWith(' ') ? piece.slice(1) : piece;
    this.#stripSpace = false;
    const found = this.#stops.map((stop) => this.#text.indexOf(stop, searchFrom)).filter((at) => at !== -1);
    if (found.length === 0) return;
    this.#text = this.#text.slice(0, Math.min(...found));
    this.#stopped = true;
  }

  /** Length of the longest end of the text with which a stop string begins. */
  #heldBack(): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, this.#text.length); length > longest; length -= 1) {
        if (this.#text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
