import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { endpointsOf, OPENAI_ENDPOINTS } from '../../domain/models.ts';
import type { ApiPorts } from './ports.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import { answers, taking } from './wire.ts';

const requestSchema = z.looseObject({ model: z.string().min(1).max(200) });

const SUMMARIES: Readonly<Partial<Record<(typeof OPENAI_ENDPOINTS)[number], string>>> = {
  '/v1/moderations': 'Scores of a classifier’s labels, as OpenAI’s Moderations',
  '/v1/rerank': 'Documents by how well they answer a query, as Cohere and Jina have it',
};

/** What a model that the body names answers at once: the body is the pipeline's own, which says what is wrong with it. */
export function addNamedModelRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const models = createPublishedModels(ports);
  for (const [path, summary] of Object.entries(SUMMARIES)) {
    const route = createRoute({
      method: 'post',
      path,
      summary,
      request: taking(requestSchema),
      responses: answers('The answer', z.looseObject({})),
    });
    app.openapi(route, async (c) => {
      const body = c.req.valid('json');
      const { tenantId } = c.get('caller');
      const manifest = { ...(await models.read(tenantId, body.model)), tenantId };
      const endpoints = endpointsOf(manifest.name, manifest.pipeline);
      if (!endpoints.includes(path)) {
        const message = `"${body.model}" answers ${endpoints.join(', ')}, not ${path}.`;
        throw new NightshiftError('invalid_request', message, { field: 'model' });
      }
      const [answer] = await ports.live.infer(manifest, [body]);
      if (!answer) throw new NightshiftError('internal', 'The runner gave no answer.');
      return c.json(z.looseObject({}).parse(bodyOrThrow(answer)), 200);
    });
  }
}
