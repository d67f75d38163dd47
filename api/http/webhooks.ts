import { randomBytes } from 'node:crypto';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { checkWebhookUrl } from '../../domain/webhookTargets.ts';
import {
  deleteWebhookEndpoint,
  insertWebhookEndpoint,
  listWebhookEndpoints,
  type WebhookEndpoint,
} from '../../store/webhookEndpoints.ts';
import type { ApiPorts } from './ports.ts';
import { answers, idParam, notFound, unixSeconds } from './wire.ts';

const MAX_ENDPOINTS = 10;
const SECRET_BYTES = 24;

const endpointSchema = z
  .object({ id: z.string(), object: z.literal('webhook_endpoint'), url: z.string(), created_at: z.number().int() })
  .openapi('WebhookEndpoint');

const createRouteOf = createRoute({
  method: 'post',
  path: '/v1/webhook_endpoints',
  summary: 'Have batch.completed, batch.failed, batch.expired and batch.cancelled posted to a URL',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.object({ url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2_000) }),
        },
      },
    },
  },
  responses: answers('The endpoint; the secret is shown once', endpointSchema.extend({ secret: z.string() })),
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/webhook_endpoints',
  responses: answers('All of them', z.object({ data: z.array(endpointSchema) })),
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/webhook_endpoints/{id}',
  request: { params: idParam },
  responses: answers('It is gone', z.object({ id: z.string(), deleted: z.literal(true) })),
});

/** Where a tenant's events go. */
export function addWebhookRoutes(app: OpenAPIHono, { database, now, webhookHosts, seal }: ApiPorts): void {
  app.openapi(createRouteOf, async (c) => {
    const { tenantId } = c.get('caller');
    const { url } = c.req.valid('json');
    checkWebhookUrl(url, webhookHosts);
    if ((await listWebhookEndpoints(database, tenantId)).length >= MAX_ENDPOINTS) {
      throw new NightshiftError('invalid_request', `A tenant has at most ${MAX_ENDPOINTS} endpoints.`, {
        field: 'url',
      });
    }
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const id = newId('whe_', now());
    const endpoint = await insertWebhookEndpoint(database, { id, tenantId, url, sealedSecret: seal.seal(secret, id) });
    return c.json({ ...toWire(endpoint), secret }, 200);
  });

  app.openapi(listRoute, async (c) =>
    c.json({ data: (await listWebhookEndpoints(database, c.get('caller').tenantId)).map(toWire) }, 200),
  );

  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteWebhookEndpoint(database, c.get('caller').tenantId, id))) throw notFound('webhook endpoint', id);
    return c.json({ id, deleted: true as const }, 200);
  });
}

function toWire({ id, url, createdRealMs }: WebhookEndpoint): z.input<typeof endpointSchema> {
  return { id, object: 'webhook_endpoint', url, created_at: unixSeconds(createdRealMs) };
}
