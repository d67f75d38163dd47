import { createHash, timingSafeEqual } from 'node:crypto';

import type { MiddlewareHandler } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import type { Database } from '../../store/database.ts';
import { ownerOfKey } from '../../store/ownerKeys.ts';

/** Who calls: the operator sees every car, an owner only their own. */
export type Caller = { readonly kind: 'operator' } | { readonly kind: 'owner'; readonly ownerId: string };

declare module 'hono' {
  interface ContextVariableMap {
    caller: Caller;
  }
}

/** Takes the operator's key or an owner's, and puts the caller into the context. */
export function identifyCaller(apiKey: string, db: Database): MiddlewareHandler {
  const operatorKey = sha256(apiKey);
  return async (c, next) => {
    const presented = bearerOf(c.req.header('authorization'));
    if (timingSafeEqual(sha256(presented), operatorKey)) {
      c.set('caller', { kind: 'operator' });
      return next();
    }
    // Looked up by hash: neither the table nor the time that this takes gives a key away.
    const ownerId = await ownerOfKey(db, ownerKeyHash(presented));
    if (ownerId === undefined) throw new NightshiftError('unauthorized', 'The key is unknown.');
    c.set('caller', { kind: 'owner', ownerId });
    return next();
  };
}

export function ownerKeyHash(key: string): string {
  return sha256(key).toString('hex');
}

function bearerOf(header: string | undefined): string {
  const presented = /^Bearer (.+)$/i.exec(header ?? '')?.[1];
  if (presented !== undefined) return presented;
  throw new NightshiftError('unauthorized', 'Send a key as "Authorization: Bearer <key>".');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
