import type { Context } from 'hono';
import { streamSSE, type SSEStreamingApi } from 'hono/streaming';
import type { Logger } from 'pino';

import { AtOnce } from './callerLimits.ts';

const MAX_STREAMS_PER_KEY = 20;
export const POLL_REAL_MS = 500;

/** Event streams of one kind: so many a key, and readers of the same thing share what is read of the database. */
export class EventStreams {
  readonly #atOnce = new AtOnce(MAX_STREAMS_PER_KEY, 'event streams');
  readonly #reads = new Map<string, Promise<unknown>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param callerId who is held to so many streams. @throws NightshiftError `rate_limited` */
  answer(c: Context, callerId: string, follow: (stream: SSEStreamingApi) => Promise<void>): Response {
    const leave = this.#atOnce.enter(callerId);
    return streamSSE(
      c,
      async (stream) => {
        try {
          await follow(stream);
        } finally {
          leave();
        }
      },
      // The reader comes back by itself with Last-Event-ID.
      async (error) => this.#logger.warn({ err: error, path: c.req.path }, 'a follower was cut off'),
    );
  }

  /** What `read` gives, read once for all who ask for the same within a poll. */
  shared<Found>(key: string, read: () => Promise<Found>): Promise<Found> {
    const found = this.#reads.get(key);
    // Whoever puts it there uses the key for this one type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (found) return found as Promise<Found>;
    const reading = read();
    this.#reads.set(key, reading);
    const forget = (): void => void setTimeout(() => this.#reads.delete(key), POLL_REAL_MS / 2).unref();
    reading.then(forget, forget);
    return reading;
  }
}
