import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { requireSlice } from '../../api/http/carObjects.ts';
import { AtOnce, limitAtOnce, RateLimiter } from '../../api/http/callerLimits.ts';
import { answerError } from '../../api/http/errors.ts';
import { EventStreams } from '../../api/http/eventStreams.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { openDatabase } from '../../store/database.ts';
import { sliceSignerWith } from '../../store/sliceAccess.ts';

const logger = pino({ level: 'silent' });

describe('what one caller may have', () => {
  test('is so many requests a minute, which fill again', () => {
    let ms = 0;
    const limiter = new RateLimiter(() => ms);
    limiter.take('key', 2);
    limiter.take('key', 2);
    expect(() => limiter.take('key', 2)).toThrow(/2 requests a minute/);
    ms = 30_000;
    limiter.take('key', 2);
  });

  test('does not depend on a clock that is set', () => {
    const limiter = new RateLimiter();
    const { now } = Date;
    limiter.take('key', 10);
    try {
      Date.now = () => now() - 3_600_000;
      expect(() => limiter.take('key', 10)).not.toThrow();
    } finally {
      Date.now = now;
    }
  });

  test('is so many things at once, whatever others have', () => {
    const atOnce = new AtOnce(1, 'streams');
    const leave = atOnce.enter('a');
    atOnce.enter('b');
    expect(() => atOnce.enter('a')).toThrow(/at most 1 streams at once/);
    leave();
    expect(() => atOnce.enter('a')).not.toThrow();
  });
});

test('readers of the same stream share what is read', async () => {
  const streams = new EventStreams(logger);
  let reads = 0;
  const read = async (): Promise<number> => ++reads;
  expect(await Promise.all([1, 2, 3].map(() => streams.shared('lines', read)))).toEqual([1, 1, 1]);
  await expect.poll(() => streams.shared('lines', read)).toBe(2);
});

test('a car without a token has nothing of its body read', async () => {
  const app = new Hono();
  app.onError((error, c) => answerError(error, c, logger));
  app.use(requireSlice({ slices: sliceSignerWith('k'), now: Date.now }));
  app.put('/', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
  let pulled = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(1024));
      if (pulled > 1_000) controller.close();
    },
  });
  const init: RequestInit & { duplex: 'half' } = {
    duplex: 'half',
    method: 'PUT',
    body,
    headers: { authorization: 'Bearer x' },
  };
  const request = new Request('http://api/', init);
  expect((await app.request(request)).status).toBe(401);
  // A stream pulls one chunk ahead by itself.
  expect(pulled).toBeLessThanOrEqual(1);
});

test('what fails on our side names no host, but what the log has', async () => {
  const logged: unknown[] = [];
  const app = new Hono();
  app.use(requestId());
  app.onError((error, c) =>
    answerError(error, c, pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) })),
  );
  const database = openDatabase({ url: 'postgres://user@127.0.0.1:1/none' });
  app.get('/', async () => {
    await database.query('select 1');
    throw new NightshiftError('internal', 'not reached');
  });
  const response = await app.request('/');
  const { error } = (await response.json()) as { error: { message: string } };
  await database.close();
  expect(response.status).toBe(503);
  expect(error.message).not.toMatch(/127\.0\.0\.1|:1\b|user/);
  const reference = /Reference: (\S+)/.exec(error.message)?.[1];
  expect(logged).toMatchObject([{ requestId: reference }]);
  expect(JSON.stringify(logged)).toContain('127.0.0.1');
});

test('a second request of a key is refused while the first one runs', async () => {
  const app = new Hono();
  app.onError((error, c) => answerError(error, c, logger));
  app.use(async (c, next) => {
    c.set('caller', {
      keyId: 'key',
      tenantId: 't',
      scopes: [],
      regionIds: null,
      requestsPerMinute: undefined,
      person: null,
    });
    await next();
  });
  app.use(limitAtOnce(1, 'quotes'));
  let end: (() => void) | undefined;
  app.get('/', async (c) => {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    return c.text('done');
  });
  const first = app.request('/');
  await expect.poll(() => end).toBeDefined();
  const second = await app.request('/');
  expect([second.status, second.headers.get('retry-after')]).toEqual([429, '1']);
  end?.();
  expect((await first).status).toBe(200);
});
