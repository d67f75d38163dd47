import { IncomingMessage } from 'node:http';

import type { Context } from 'hono';

import { emptyBody } from './emptyBody.ts';

/**
 * The bytes of a request's body as they come in, for a route that reads them itself. From Node's own stream where there is
 * one: the web stream that stands for it costs as much as to check the lines of what is uploaded.
 */
export function bodyOf(c: Context): AsyncIterable<Uint8Array> {
  return incomingOf(c.env) ?? c.req.raw.body ?? emptyBody();
}

/** Node's request, which @hono/node-server passes along; absent when the app is called without a server. */
export function incomingOf(env: unknown): IncomingMessage | undefined {
  if (typeof env !== 'object' || env === null || !('incoming' in env)) return undefined;
  return env.incoming instanceof IncomingMessage ? env.incoming : undefined;
}
