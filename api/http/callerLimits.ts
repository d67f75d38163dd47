import type { MiddlewareHandler } from 'hono';

import { MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';

const RETRY_SECONDS = 1;

/** Holds each caller to a number of things at once, so that one of them cannot take what all share. */
export class AtOnce {
  readonly #most: number;
  readonly #what: string;
  readonly #open = new Map<string, number>();

  /** @param what plural, as the refusal names it */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /**
   * @returns gives the place back; call it once
   * @throws NightshiftError `rate_limited`
   */
  enter(callerId: string): () => void {
    const open = this.#open.get(callerId) ?? 0;
    if (open >= this.#most) {
      const message = `A key has at most ${this.#most} ${this.#what} at once; wait for one to end.`;
      throw new NightshiftError('rate_limited', message, { retryAfterSeconds: RETRY_SECONDS });
    }
    this.#open.set(callerId, open + 1);
    return () => {
      const left = (this.#open.get(callerId) ?? 1) - 1;
      if (left > 0) this.#open.set(callerId, left);
      else this.#open.delete(callerId);
    };
  }
}

/** Holds the key of a request that was authenticated to so many at once. Put it before whatever reads the body. */
export function limitAtOnce(most: number, what: string): MiddlewareHandler {
  const atOnce = new AtOnce(most, what);
  return async (c, next) => {
    const leave = atOnce.enter(c.get('caller').keyId);
    try {
      await next();
    } finally {
      leave();
    }
  };
}

/** A bucket for each key: it holds a minute's requests and fills at its rate. */
export class RateLimiter {
  readonly #monotonicMs: () => number;
  readonly #buckets = new Map<string, { left: number; atMs: number }>();

  /** @param monotonicMs never goes back: a clock that is set would lock out every key, or let every key through */
  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** @throws NightshiftError `rate_limited` */
  take(keyId: string, perMinute: number): void {
    const atMs = this.#monotonicMs();
    const bucket = this.#buckets.get(keyId) ?? { left: perMinute, atMs };
    const filled = bucket.left + ((atMs - bucket.atMs) / MINUTE_MS) * perMinute;
    const left = Math.min(perMinute, filled) - 1;
    if (left < 0) {
      throw new NightshiftError('rate_limited', `The key has ${perMinute} requests a minute.`, {
        retryAfterSeconds: Math.max(1, Math.ceil((-left * 60) / perMinute)),
      });
    }
    this.#buckets.set(keyId, { left, atMs });
  }
}
