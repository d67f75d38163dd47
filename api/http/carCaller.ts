import { randomBytes } from 'node:crypto';

import type { MiddlewareHandler } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import type { Database } from '../../store/database.ts';
import { ownerOfKey } from '../../store/ownerKeys.ts';
import { bearerOf, requireScope, sha256 } from './auth.ts';
import { AtOnce, RateLimiter } from './callerLimits.ts';

/** Who asks about cars: the operator sees every car, an owner only their own. */
export type CarCaller = { readonly kind: 'operator' } | { readonly kind: 'owner'; readonly ownerId: string };

declare module 'hono' {
  interface ContextVariableMap {
    carCaller: CarCaller;
  }
}

/** Tells an owner's key from the keys of tenants without a query. */
const OWNER_KEY_PREFIX = 'nso_';
/** An owner's app asks about a few cars every few seconds. All keys of an owner share this. */
const OWNER_REQUESTS_PER_MINUTE = 240;
const MAX_OWNER_REQUESTS_AT_ONCE = 10;

/**
 * Takes an owner's key, or one with the scope `ops`, and puts the caller into the context.
 * @param authenticated finds out whose every other key is, and holds it to its rate
 * @throws NightshiftError `unauthorized`, `rate_limited`
 */
export function identifyCarCaller(database: Database, authenticated: MiddlewareHandler): MiddlewareHandler {
  const operators = requireScope('ops');
  const owners = identifyOwner(database);
  return async (c, next) => {
    if (isOwnerKey(bearerOf(c))) return owners(c, next);
    return authenticated(c, async () => {
      c.set('carCaller', { kind: 'operator' });
      await operators(c, next);
    });
  };
}

export function isOwnerKey(presented: string | undefined): boolean {
  return presented?.startsWith(OWNER_KEY_PREFIX) ?? false;
}

/**
 * Takes an owner's key, puts the owner into the context and holds them to a rate.
 * @throws NightshiftError `unauthorized`, `rate_limited`
 */
export function identifyOwner(database: Database): MiddlewareHandler {
  const limiter = new RateLimiter();
  const atOnce = new AtOnce(MAX_OWNER_REQUESTS_AT_ONCE, 'requests');
  return async (c, next) => {
    // Looked up by hash: neither the table nor the time that this takes gives a key away.
    const ownerId = await ownerOfKey(database, ownerKeyHash(bearerOf(c) ?? ''));
    if (ownerId === undefined) throw new NightshiftError('unauthorized', "The owner's key is unknown.");
    limiter.take(ownerId, OWNER_REQUESTS_PER_MINUTE);
    const leave = atOnce.enter(ownerId);
    try {
      c.set('carCaller', { kind: 'owner', ownerId });
      await next();
    } finally {
      leave();
    }
  };
}

export function newOwnerKey(): string {
  return `${OWNER_KEY_PREFIX}${randomBytes(24).toString('base64url')}`;
}

export function ownerKeyHash(key: string): string {
  return sha256(key).toString('hex');
}

/** @throws NightshiftError `unauthorized` for an owner */
export function operatorOnly(caller: CarCaller): void {
  if (caller.kind !== 'operator') throw new NightshiftError('unauthorized', 'Only the operator may do this.');
}
