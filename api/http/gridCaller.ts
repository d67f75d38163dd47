import type { MiddlewareHandler } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import { requireScope } from './auth.ts';
import { notFound } from './wire.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** Regions that the caller sees; null for all of the cell. */
    regionsSeen: readonly string[] | null;
  }
}

const REGION_PATH = /^\/grid\/v1\/regions\/([^/]+)/;

/**
 * Lets operators do everything below /grid/v1, and a utility's key read what is of its own regions. `authenticate` runs
 * before.
 * @throws NightshiftError `forbidden`; `not_found` for another utility's region, as for one that is not there
 */
export function identifyGridCaller(): MiddlewareHandler {
  const operators = requireScope('ops');
  return async (c, next) => {
    const { scopes, regionIds } = c.get('caller');
    if (scopes.includes('ops') || !scopes.includes('grid')) {
      c.set('regionsSeen', null);
      return operators(c, next);
    }
    if (c.req.method !== 'GET') throw new NightshiftError('forbidden', 'A key with the scope "grid" only reads.');
    const seen = regionIds ?? [];
    const asked = REGION_PATH.exec(c.req.path)?.[1];
    if (asked !== undefined && !seen.some((id) => id === asked || encodeURIComponent(id) === asked)) {
      throw notFound('region', asked);
    }
    c.set('regionsSeen', seen);
    await next();
  };
}
