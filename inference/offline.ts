import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { NightshiftError } from '../domain/errors.ts';
import { ModelMismatch } from './modelCache.ts';

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 5_000;

/**
 * Repeats an operation on the object store until it succeeds: a car is without network for minutes at a time, and
 * what it computed meanwhile must not be lost. Answers of the store itself are thrown at once.
 * @throws AbortError when the signal aborts
 */
export async function untilOnline<T>(operation: () => Promise<T>, signal: AbortSignal, log: Logger): Promise<T> {
  for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)) {
    signal.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      if (isFinal(error)) throw error;
      log.warn({ err: error, backoffMs }, 'the object store does not answer');
    }
    await delay(backoffMs, undefined, { signal });
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof ModelMismatch || (error instanceof NightshiftError && !error.retryable);
}
