/** A source did not answer, or answered what cannot be used. The message holds no secret. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
  /** The same request may work soon. */
  readonly retryable: boolean;
  /** What the source asks to wait, real time. */
  readonly retryAfterRealMs: number | undefined;

  constructor(
    message: string,
    options: { readonly retryable: boolean; readonly retryAfterRealMs?: number | undefined; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterRealMs = options.retryAfterRealMs;
  }
}

/** What a source said is not in its own form: asking again gives the same. */
export function unusable(message: string): FeedError {
  return new FeedError(message, { retryable: false });
}
