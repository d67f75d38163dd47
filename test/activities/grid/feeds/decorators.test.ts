import { describe, expect, test } from 'vitest';

import { cached } from '../../../../activities/grid/feeds/cached.ts';
import type { GridFeed } from '../../../../activities/grid/feeds/feed.ts';
import { FeedError, unusable } from '../../../../activities/grid/feeds/feedError.ts';
import { feedHttp } from '../../../../activities/grid/feeds/feedHttp.ts';
import { retrying } from '../../../../activities/grid/feeds/retrying.ts';
import { useSourceServer } from '../../../support/sourceServer.ts';
import { HOUR_MS, span, START_MS } from '../../../planning/cellFixture.ts';

const source = useSourceServer();
const WINDOW = { startMs: START_MS, endMs: START_MS + 4 * HOUR_MS };
const busy = (retryAfterRealMs?: number): FeedError => new FeedError('busy', { retryable: true, retryAfterRealMs });

/** A feed that fails as told before it answers. */
function failing(...errors: Error[]): { feed: GridFeed; reads: () => number } {
  let reads = 0;
  const feed: GridFeed = {
    name: 'f',
    read: async () => {
      const error = errors[reads++];
      if (error) throw error;
      return [span('price', reads)];
    },
  };
  return { feed, reads: () => reads };
}

describe('retrying', () => {
  const policy = { attempts: 3, firstWaitRealMs: 100, longestWaitRealMs: 1_000 };
  const read = async (...errors: Error[]): Promise<{ waits: number[]; reads: number; outcome: unknown }> => {
    const waits: number[] = [];
    const { feed, reads } = failing(...errors);
    const outcome: unknown = await retrying(feed, policy, async (realMs) => waits.push(realMs))
      .read(WINDOW, START_MS)
      .catch((thrown: unknown) => thrown);
    return { waits, reads: reads(), outcome };
  };

  test('waits longer each time, with jitter, and gives up after its attempts', async () => {
    const { waits, outcome } = await read(busy(), busy(), busy());
    expect(outcome).toBeInstanceOf(FeedError);
    expect(waits).toHaveLength(2);
    expect(waits[0]).toBeLessThanOrEqual(100);
    expect(waits[1]).toBeLessThanOrEqual(200);
  });

  test('waits as long as it is asked to, unless that is too long', async () => {
    expect((await read(busy(700))).waits).toEqual([700]);
    expect(await read(busy(60_000))).toMatchObject({ waits: [], reads: 1 });
  });

  test('does not repeat what cannot work', async () => {
    expect(await read(unusable('HTML'))).toMatchObject({ waits: [], reads: 1 });
  });
});

describe('cached', () => {
  test('answers from memory until it is old', async () => {
    const { feed, reads } = failing();
    const kept = cached(feed, HOUR_MS);
    await kept.read(WINDOW, START_MS);
    await kept.read(WINDOW, START_MS + HOUR_MS - 1);
    expect(reads()).toBe(1);
    await kept.read(WINDOW, START_MS + HOUR_MS);
    expect(reads()).toBe(2);
  });

  test('reads once for readers that come together, and again for a window that begins earlier', async () => {
    const { feed, reads } = failing();
    const kept = cached(feed, HOUR_MS);
    await Promise.all([kept.read(WINDOW, START_MS), kept.read(WINDOW, START_MS)]);
    expect(reads()).toBe(1);
    await kept.read({ ...WINDOW, startMs: START_MS - 1 }, START_MS);
    expect(reads()).toBe(2);
  });

  test('leaves a source that failed alone for a minute', async () => {
    const { feed, reads } = failing(busy());
    const kept = cached(feed, HOUR_MS);
    await expect(kept.read(WINDOW, START_MS)).rejects.toThrow('busy');
    await expect(kept.read(WINDOW, START_MS + 59_000)).rejects.toThrow('busy');
    expect(reads()).toBe(1);
    await expect(kept.read(WINDOW, START_MS + 60_000)).resolves.toHaveLength(1);
  });
});

const thrown = (answer: Promise<unknown>): Promise<unknown> => answer.catch((error: unknown) => error);

describe('feedHttp', () => {
  test('calls 429 and 5xx retryable, and passes on what Retry-After says', async () => {
    const http = feedHttp({ origin: source.origin });
    source.answer = () => ({ status: 429, headers: { 'retry-after': '7' } });
    expect(await thrown(http.text({ path: '/' }))).toMatchObject({ retryable: true, retryAfterRealMs: 7_000 });
    source.answer = () => ({ status: 503, headers: { 'retry-after': new Date(0).toUTCString() } });
    expect(await thrown(http.text({ path: '/' }))).toMatchObject({ retryable: true, retryAfterRealMs: 0 });
    source.answer = () => ({ status: 403 });
    expect(await thrown(http.text({ path: '/' }))).toMatchObject({ retryable: false });
  });

  test('stops a body that is too large', async () => {
    source.answer = () => ({ body: 'x'.repeat(1001) });
    const http = feedHttp({ origin: source.origin, maxBytes: 1000 });
    expect(await thrown(http.text({ path: '/' }))).toMatchObject({
      retryable: false,
      message: expect.stringContaining('more than 1000 bytes') as string,
    });
  });

  test('gives up on a source that is slow, or away', async () => {
    let release: ((answer: object) => void) | undefined;
    source.answer = () => new Promise((resolve) => (release = resolve));
    const slow = feedHttp({ origin: source.origin, timeoutRealMs: 20 });
    expect(await thrown(slow.text({ path: '/' }))).toMatchObject({
      retryable: true,
      message: expect.stringContaining('did not answer within 0.02 s') as string,
    });
    release?.({});
    const away = feedHttp({ origin: 'http://127.0.0.1:1' });
    expect(await thrown(away.text({ path: '/' }))).toMatchObject({
      retryable: true,
      message: expect.stringContaining('cannot be reached') as string,
    });
  });
});
