import { createHash, timingSafeEqual } from 'node:crypto';

import type { Context, MiddlewareHandler } from 'hono';

import { API_SCOPES, DEFAULT_TENANT, type ApiScope } from '../../domain/apiKeys.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { findApiKey, type ApiKey } from '../../store/apiKeys.ts';
import { RateLimiter } from './callerLimits.ts';
import type { ApiPorts } from './ports.ts';

/** Whose request it is. */
export interface Caller {
  readonly keyId: string;
  /** Who signed in with an account; null for whoever has a key that was made. */
  readonly person: string | null;
  readonly tenantId: string;
  readonly scopes: readonly ApiScope[];
  /** What the scope `grid` reaches. */
  readonly regionIds: readonly string[] | null;
  /** Undefined: not limited. */
  readonly requestsPerMinute: number | undefined;
}

declare module 'hono' {
  interface ContextVariableMap {
    caller: Caller;
  }
}

/** A revoked key works on for this long at most; a busy one costs no query a request. */
const KEY_KEPT_REAL_MS = 2_000;
const MAX_KEPT_KEYS = 10_000;

/** Finds out who calls and holds them to their rate. @throws NightshiftError `unauthorized`, `rate_limited` */
export function authenticate({ database, apiKey }: ApiPorts): MiddlewareHandler {
  const root: Caller = {
    keyId: 'root',
    person: null,
    tenantId: DEFAULT_TENANT,
    scopes: ['submit', 'models', 'ops', 'money', 'keys'],
    regionIds: null,
    requestsPerMinute: undefined,
  };
  const rootHash = sha256(apiKey);
  const known = new Map<string, { key: ApiKey | undefined; readAtMs: number }>();
  const limiter = new RateLimiter();

  const callerOf = async (presented: string): Promise<Caller | undefined> => {
    const hash = sha256(presented);
    // Of equal length and compared in constant time: how long it takes says nothing about the key.
    if (timingSafeEqual(hash, rootHash)) return root;
    const hex = hash.toString('hex');
    let found = known.get(hex);
    if (!found || performance.now() - found.readAtMs > KEY_KEPT_REAL_MS) {
      if (known.size >= MAX_KEPT_KEYS) known.clear();
      found = { key: await findApiKey(database, hex), readAtMs: performance.now() };
      known.set(hex, found);
    }
    return found.key && { ...found.key, keyId: found.key.id };
  };

  return async (c, next) => {
    const presented = bearerOf(c);
    const caller = presented === undefined ? undefined : await callerOf(presented);
    if (!caller) {
      throw new NightshiftError(
        'unauthorized',
        presented === undefined ? 'Send the API key as "Authorization: Bearer <key>".' : 'The API key is unknown.',
      );
    }
    if (caller.requestsPerMinute !== undefined) limiter.take(caller.keyId, caller.requestsPerMinute);
    c.set('caller', caller);
    await next();
  };
}

/** The key that a request presents. */
export function bearerOf(c: Context): string | undefined {
  return /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
}

/** Lets only keys with the scope through. @throws NightshiftError `forbidden` */
export function requireScope(scope: ApiScope): MiddlewareHandler {
  return async (c, next) => {
    if (!c.get('caller').scopes.includes(scope)) {
      throw new NightshiftError('forbidden', `The API key lacks the scope "${scope}": ${API_SCOPES[scope]}.`);
    }
    await next();
  };
}

/** Of a key or token: what is kept and compared instead of it. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
