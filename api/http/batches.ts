import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { listBatches, moveBatch, readBatch, type Batch } from '../../store/batches.ts';
import { readJobProgresses } from '../../store/jobProgress.ts';
import { createBatchSchema } from './batchRequest.ts';
import { submitBatch } from './batchSubmission.ts';
import { batchSchema, batchToWire } from './batchView.ts';
import type { ApiDeps } from './deps.ts';
import { errorResponses, idParam, limitParam, listOf, listSchema, notFound } from './wire.ts';

const batchResponse = {
  200: { description: 'The batch', content: { 'application/json': { schema: batchSchema } } },
  ...errorResponses,
};

const createBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches',
  request: {
    headers: z.object({
      'idempotency-key': z.string().optional(),
      'x-stainless-retry-count': z.string().optional(),
    }),
    body: { required: true, content: { 'application/json': { schema: createBatchSchema } } },
  },
  responses: batchResponse,
});

const listBatchesRoute = createRoute({
  method: 'get',
  path: '/v1/batches',
  request: { query: z.object({ after: z.string().optional(), limit: limitParam(100, 20) }) },
  responses: {
    200: { description: 'One page', content: { 'application/json': { schema: listSchema(batchSchema) } } },
    ...errorResponses,
  },
});

const readBatchRoute = createRoute({
  method: 'get',
  path: '/v1/batches/{id}',
  request: { params: idParam },
  responses: batchResponse,
});

const cancelBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches/{id}/cancel',
  request: { params: idParam },
  responses: batchResponse,
});

/** The Batch API of OpenAI. */
export function addBatchRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { db, cell, jobs } = deps;

  const toWire = async (batches: readonly Batch[]): Promise<z.input<typeof batchSchema>[]> => {
    const progresses = await readJobProgresses(
      db,
      batches.map(({ id }) => id),
    );
    return batches.map((batch) => batchToWire(batch, progresses.get(batch.id), cell.clock));
  };

  const oneToWire = async (batch: Batch | undefined, id: string): Promise<z.input<typeof batchSchema>> => {
    const [wire] = batch ? await toWire([batch]) : [];
    if (!wire) throw notFound('batch', id);
    return wire;
  };

  app.openapi(createBatchRoute, async (c) => {
    const headers = c.req.valid('header');
    const batch = await submitBatch(deps, c.req.valid('json'), {
      idempotencyKey: headers['idempotency-key'],
      isRetry: Number(headers['x-stainless-retry-count']) > 0,
    });
    return c.json(await oneToWire(batch, batch.id), 200);
  });

  app.openapi(listBatchesRoute, async (c) => {
    const { after, limit } = c.req.valid('query');
    const batches = await listBatches(db, { after, limit: limit + 1 });
    return c.json(listOf(await toWire(batches), limit), 200);
  });

  app.openapi(readBatchRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(await oneToWire(await readBatch(db, id), id), 200);
  });

  app.openapi(cancelBatchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const batch = await readBatch(db, id);
    if (batch?.status === 'validating' || batch?.status === 'in_progress' || batch?.status === 'finalizing') {
      // The job first: if Temporal does not answer, nothing has changed and the caller may try again.
      await jobs.start(batch);
      await jobs.cancel(id);
      await moveBatch(db, id, ['validating', 'in_progress', 'finalizing'], 'cancelling');
    }
    return c.json(await oneToWire(await readBatch(db, id), id), 200);
  });
}
