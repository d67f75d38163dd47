import { setTimeout as sleep } from 'node:timers/promises';
import type { GridFeed } from './feed.ts';
import { FeedError } from './feedError.ts';

interface RetryPolicy {
  readonly attempts: number;
  readonly firstWaitRealMs: number;
  /** A source that asks for a longer wait is left alone until the next poll. */
  readonly longestWaitRealMs: number;
}

export const FEED_RETRIES: RetryPolicy = { attempts: 3, firstWaitRealMs: 500, longestWaitRealMs: 5_000 };

/** Asks again what may work soon: full jitter on a doubling wait, or what the source's Retry-After says. */
export function retrying(
  feed: GridFeed,
  policy: RetryPolicy = FEED_RETRIES,
  wait: (realMs: number) => Promise<unknown> = sleep,
): GridFeed {
  return {
    name: feed.name,
    async read(window, nowMs) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await feed.read(window, nowMs);
        } catch (error) {
          if (!(error instanceof FeedError) || !error.retryable || attempt >= policy.attempts) throw error;
          const longestMs = policy.firstWaitRealMs * 2 ** (attempt - 1);
          const waitMs = error.retryAfterRealMs ?? Math.random() * longestMs;
          if (waitMs > policy.longestWaitRealMs) throw error;
          await wait(waitMs);
        }
      }
    },
  };
}
