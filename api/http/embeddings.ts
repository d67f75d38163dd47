import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import type { ApiPorts } from './ports.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import { answers, taking } from './wire.ts';

const requestSchema = z
  .looseObject({
    model: z.string().min(1).max(200),
    input: z.unknown().meta({ description: 'A text, token ids, or a list of up to 2048 of either.' }),
    encoding_format: z.enum(['float', 'base64']).nullish(),
    dimensions: z.number().int().min(1).nullish(),
  })
  .openapi('CreateEmbedding');

const embeddingsSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.number().int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() }),
  })
  .openapi('Embeddings');

const embeddingsRoute = createRoute({
  method: 'post',
  path: '/v1/embeddings',
  request: taking(requestSchema),
  responses: answers('A vector of length 1 for each input', embeddingsSchema),
});

/** The Embeddings API of OpenAI, answered at once. */
export function addEmbeddingRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { live } = ports;
  const models = createPublishedModels(ports);
  app.openapi(embeddingsRoute, async (c) => {
    const body = c.req.valid('json');
    const { tenantId } = c.get('caller');
    const manifest = { ...(await models.read(tenantId, body.model)), tenantId };
    if (manifest.pipeline.kind !== 'text-embedding') {
      throw new NightshiftError('invalid_request', `"${body.model}" does not embed texts.`, { field: 'model' });
    }
    const [answer] = await live.infer(manifest, [body]);
    if (!answer) throw new NightshiftError('internal', 'The runner gave no answer.');
    // What the pipeline gives is what OpenAI's clients read; to check 2048 vectors again would cost more than to make them.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return c.json(bodyOrThrow(answer) as z.output<typeof embeddingsSchema>, 200);
  });
}
