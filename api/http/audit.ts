import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import { concludeChange, listChanges, recordChange } from '../../store/auditLog.ts';
import { changesSchema } from '../wire/audit.ts';
import type { ApiPorts } from './ports.ts';
import { answers, limitParam } from './wire.ts';

/** Where people change something. Files, batches and live calls are records of their own, and machines' work. */
export const AUDITED_PATHS = [
  '/ops/*',
  '/grid/v1/connections/*',
  '/grid/v1/events/*',
  '/grid/v1/regions/*',
  '/fleet/*',
  '/v1/models/*',
  '/v1/webhook_endpoints/*',
  '/v1/organization/*',
  '/v1/batches/:id/*',
] as const;

const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
/** They change nothing: questions that are asked by POST, and a release's files, which count once it is published. */
const ASKS = /\/(preview|quote|curve)$|^\/ops\/v1\/agent_releases\/files\//;
const MAX_BODY_BYTES = 16 * 1024;
const SECRET = /secret|password|token|key$|iban|bic|credential/i;
const PAGE_LINES = 500;

const listRoute = createRoute({
  method: 'get',
  path: '/ops/v1/audit',
  summary: 'Who changed what, and what became of it',
  request: {
    query: z.object({
      after: z.coerce.number().int().min(0).default(0),
      limit: limitParam(PAGE_LINES, PAGE_LINES),
      actor: z.string().min(1).max(200).optional().meta({ description: 'e.g. key/root, owner/ada' }),
      about: z.string().min(1).max(200).optional().meta({ description: 'Part of the path, e.g. a VIN or a region.' }),
      since: z.iso.datetime({ offset: true, error: 'must be a time with its offset (RFC 3339)' }).optional(),
    }),
  },
  responses: answers('Oldest first; ask again after the last `seq`.', changesSchema),
});

/**
 * Writes each change down before it is made, and what became of it afterwards: a change that cannot be written down is not
 * made, and one whose process dies in between stands there without an outcome.
 */
export function auditChanges({ database, cell, logger }: ApiPorts): MiddlewareHandler {
  return async (c, next) => {
    const { method, path } = c.req;
    // A path may match several of the patterns.
    if (READS.includes(method) || ASKS.test(path) || c.get('audited')) return next();
    c.set('audited', true);
    const seq = await recordChange(database, cell.id, {
      ...actorOf(c),
      method,
      path,
      body: await bodyOf(c),
      requestId: c.get('requestId'),
    });
    const conclude = (status: number): Promise<void> =>
      concludeChange(database, seq, status).catch((error: unknown) =>
        logger.error({ err: error, seq }, 'what became of a change could not be written down'),
      );
    try {
      await next();
    } catch (error) {
      // There is no such route: nothing else is thrown past the routes.
      await conclude(error instanceof NightshiftError ? error.httpStatus : 500);
      throw error;
    }
    await conclude(c.res.status);
  };
}

declare module 'hono' {
  interface ContextVariableMap {
    audited: boolean;
  }
}

function actorOf(c: Context): { readonly actor: string; readonly tenantId: string | null } {
  const carCaller = c.get('carCaller');
  if (carCaller?.kind === 'owner') return { actor: `owner/${carCaller.ownerId}`, tenantId: null };
  const { keyId, tenantId, person } = c.get('caller');
  return { actor: person === null ? `key/${keyId}` : `person/${person}`, tenantId };
}

/** What was sent, where it is JSON and short; an upload is none of it. */
async function bodyOf(c: Context): Promise<unknown> {
  const bytes = Number(c.req.header('content-length') ?? 0);
  const isJson = c.req.header('content-type')?.includes('json') === true;
  if (!isJson || bytes === 0 || bytes > MAX_BODY_BYTES) return undefined;
  // Kept by the framework for the route, which says what is wrong with it.
  const body: unknown = await c.req.json().catch(() => undefined);
  return withoutSecrets(body);
}

/** Values under names that speak of secrets are left out, however deep. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return storable(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [storable(name), SECRET.test(name) ? '…' : withoutSecrets(each)]),
  );
}

/** PostgreSQL takes no NUL; the route refuses it in its own words. */
function storable(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value;
}

export function addAuditRoutes(app: OpenAPIHono, { database, cell }: ApiPorts): void {
  app.openapi(listRoute, async (c) => {
    const { after: afterSeq, since, ...rest } = c.req.valid('query');
    const sinceMs = since === undefined ? undefined : Date.parse(since);
    const changes = await listChanges(database, cell.id, { ...rest, afterSeq, sinceMs });
    return c.json(
      {
        changes: changes.map(({ seq, realAtMs, actor, tenantId, method, path, body, requestId, status }) => ({
          seq,
          at: new Date(realAtMs).toISOString(),
          actor,
          tenant: tenantId,
          method,
          path,
          body,
          request_id: requestId,
          status,
        })),
      },
      200,
    );
  });
}
