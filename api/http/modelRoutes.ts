import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { modelManifestSchema } from '../../domain/models.ts';
import { listModels, readModel, type StoredModel } from '../../store/models.ts';
import type { ApiPorts } from './ports.ts';
import { answers, notFound, unixSeconds } from './wire.ts';

export const modelParam = z.object({ model: z.string().min(1).max(100) });

export const modelSchema = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.number().int(),
    owned_by: z.string(),
    x_model: z
      .object({ version: z.string(), sha256: z.string(), description: z.string().nullable(), endpoint: z.string() })
      .nullable(),
  })
  .openapi('Model');

const listModelsRoute = createRoute({
  method: 'get',
  path: '/v1/models',
  responses: answers('The newest version of each', z.object({ object: z.literal('list'), data: z.array(modelSchema) })),
});

const readModelRoute = createRoute({
  method: 'get',
  path: '/v1/models/{model}',
  request: { params: modelParam },
  responses: answers('Its newest version', modelSchema),
});

/** The Models API of OpenAI. */
export function addModelRoutes(app: OpenAPIHono, { database }: ApiPorts): void {
  app.openapi(listModelsRoute, async (c) =>
    c.json(
      { object: 'list' as const, data: (await listModels(database, c.get('caller').tenantId)).map(modelToWire) },
      200,
    ),
  );
  app.openapi(readModelRoute, async (c) => {
    const { model: name } = c.req.valid('param');
    const model = await readModel(database, c.get('caller').tenantId, name);
    if (!model) throw notFound('model', name);
    return c.json(modelToWire(model), 200);
  });
}

export function modelToWire(model: StoredModel): z.input<typeof modelSchema> {
  const manifest = modelManifestSchema.safeParse(model.manifest).data;
  return {
    id: model.name,
    object: 'model',
    created: unixSeconds(model.addedRealMs),
    owned_by: model.tenantId ?? 'nightshift',
    x_model: manifest
      ? {
          version: manifest.version,
          sha256: manifest.sha256,
          description: manifest.description ?? null,
          endpoint: manifest.requestUrl,
        }
      : null,
  };
}
