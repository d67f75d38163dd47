/** The server did not do what was asked. The message holds no secret. */
export class VtnError extends Error {
  override readonly name = 'VtnError';
  /** HTTP status; undefined when there was no answer, or none that can be read. */
  readonly status: number | undefined;
  /** What the server asks to wait, real time. */
  readonly retryAfterRealMs: number | undefined;

  constructor(
    message: string,
    options: { readonly status?: number; readonly retryAfterRealMs?: number | undefined } = {},
  ) {
    super(message);
    this.status = options.status;
    this.retryAfterRealMs = options.retryAfterRealMs;
  }
}

/** Whether the server has no such endpoint, or does not let us: what is optional is then done without. */
export function isNotOffered(error: unknown): boolean {
  return error instanceof VtnError && [403, 404, 405, 501].includes(error.status ?? 0);
}
