import { createHash, timingSafeEqual } from 'node:crypto';

import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { requestId } from 'hono/request-id';

import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { addBatchRoutes } from './batches.ts';
import { identifyCaller } from './caller.ts';
import type { ApiDeps } from './deps.ts';
import { answerError } from './errors.ts';
import { discard } from './discard.ts';
import { addFileRoutes } from './files.ts';
import { addJournalRoutes } from './journal.ts';
import { addStatusRoutes } from './status.ts';
import { addVehicleRoutes } from './vehicles.ts';

const MAX_JSON_BYTES = 1024 * 1024;
const MAX_DISCARDED_JSON_BYTES = 64 * 1024 * 1024;

/** The HTTP API: OpenAI's Files and Batches below /v1, operations below /ops/v1, cars below /fleet/v1, /health and /openapi.json. */
export function createApi(deps: ApiDeps): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const field = issue?.path.join('.') || undefined;
      const message = field ? `${field}: ${issue?.message}.` : `The ${result.target} is missing or malformed.`;
      throw new NightshiftError('invalid_request', message, field ? { field } : {});
    },
  });
  app.onError((error, c) => answerError(error, c, deps.logger));

  app.use(requestId({ headerName: 'x-request-id', generator: () => newId('req_', deps.now()) }));
  app.use(logRequest(deps));
  app.use('/v1/*', authorize(deps.apiKey));
  app.use('/ops/*', authorize(deps.apiKey));
  app.use('/fleet/*', identifyCaller(deps.apiKey, deps.db));
  app.use('/v1/batches/*', limitJson());
  app.use('/fleet/*', limitJson());

  addFileRoutes(app, deps);
  addBatchRoutes(app, deps);
  addJournalRoutes(app, deps);
  addStatusRoutes(app, deps);
  addVehicleRoutes(app, deps);
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Nightshift', version: '1' },
    security: [{ key: [] }],
  });

  const methods = methodsByPath(app);
  app.notFound((c) => {
    const matching = methods.filter(({ path }) => path.test(c.req.path));
    const allowed = [...new Set(matching.map(({ method }) => method))];
    if (allowed.length === 0) {
      throw new NightshiftError('not_found', `There is no route ${c.req.path}.`);
    }
    c.header('allow', allowed.join(', '));
    throw new NightshiftError('method_not_allowed', `${c.req.path} takes ${allowed.join(', ')}, not ${c.req.method}.`);
  });
  return app;
}

function authorize(apiKey: string): MiddlewareHandler {
  const expected = sha256(apiKey);
  return async (c, next) => {
    const presented = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    // Of equal length and compared in constant time: how long it takes says nothing about the key.
    if (presented === undefined || !timingSafeEqual(sha256(presented), expected)) {
      throw new NightshiftError(
        'unauthorized',
        presented === undefined ? 'Send the API key as "Authorization: Bearer <key>".' : 'The API key is unknown.',
      );
    }
    await next();
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function limitJson(): MiddlewareHandler {
  return bodyLimit({
    maxSize: MAX_JSON_BYTES,
    onError: async (c) => {
      await discard(c.req.raw.body, MAX_DISCARDED_JSON_BYTES);
      throw new NightshiftError('payload_too_large', `The body has more than ${MAX_JSON_BYTES} bytes.`);
    },
  });
}

function logRequest({ logger, now }: ApiDeps): MiddlewareHandler {
  return async (c, next) => {
    const startRealMs = now();
    await next();
    logger.debug(
      {
        requestId: c.get('requestId'),
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        realMs: now() - startRealMs,
      },
      'request',
    );
  };
}

function methodsByPath(app: OpenAPIHono): { method: string; path: RegExp }[] {
  return app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, path: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`) }));
}
