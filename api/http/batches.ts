import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { listBatches, moveBatch, readBatch } from '../../store/batches.ts';
import { createBatchSchema } from './batchRequest.ts';
import { repetitionHeaders, repetitionOf, submitBatch } from './batchSubmission.ts';
import { batchSchema } from '../wire/batch.ts';
import { setBatchPaused } from './pauseBatch.ts';
import type { ApiPorts } from './ports.ts';
import { batchesToWire, batchToWireById, ownBatch } from './readBatches.ts';
import { startJob } from './startJobs.ts';
import { answers, idParam, limitParam, listOf, listSchema, pageStartOf, taking } from './wire.ts';

const batchResponse = answers('The batch', batchSchema);

const createBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches',
  request: {
    headers: repetitionHeaders,
    ...taking(createBatchSchema),
  },
  responses: batchResponse,
});

const listBatchesRoute = createRoute({
  method: 'get',
  path: '/v1/batches',
  request: { query: z.object({ after: z.string().optional(), limit: limitParam(100, 20) }) },
  responses: answers('One page', listSchema(batchSchema)),
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
  summary: 'End a batch: cars stop, and what is answered by then is delivered as its output file',
  request: { params: idParam },
  responses: batchResponse,
});

const pauseBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches/{id}/pause',
  summary: 'Hold a batch back: cars finish the part in hand and take no more of it',
  request: { params: idParam },
  responses: batchResponse,
});

const resumeBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches/{id}/resume',
  summary: 'Let a paused batch go on',
  request: { params: idParam },
  responses: batchResponse,
});

/** The Batch API of OpenAI, and pause and resume. */
export function addBatchRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, jobs } = ports;

  app.openapi(createBatchRoute, async (c) => {
    const { tenantId } = c.get('caller');
    const batch = await submitBatch(ports, tenantId, c.req.valid('json'), repetitionOf(c.req.valid('header')));
    return c.json(await batchToWireById(ports, tenantId, batch.id), 200);
  });

  app.openapi(listBatchesRoute, async (c) => {
    const { after, limit } = c.req.valid('query');
    const { tenantId } = c.get('caller');
    const start = await pageStartOf(after, (id) => readBatch(database, id), tenantId);
    const batches = await listBatches(database, { after: start, limit: limit + 1 }, tenantId);
    return c.json(listOf(await batchesToWire(ports, batches), limit), 200);
  });

  app.openapi(readBatchRoute, async (c) =>
    c.json(await batchToWireById(ports, c.get('caller').tenantId, c.req.valid('param').id), 200),
  );

  app.openapi(cancelBatchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { tenantId } = c.get('caller');
    const batch = await ownBatch(ports, tenantId, id);
    if (batch.status === 'validating' || batch.status === 'in_progress' || batch.status === 'finalizing') {
      // The job first: if Temporal does not answer, nothing has changed and the caller may try again.
      await startJob(ports, batch);
      await jobs.cancel(id);
      await moveBatch(database, id, ['validating', 'in_progress', 'finalizing'], 'cancelling');
    }
    return c.json(await batchToWireById(ports, tenantId, id), 200);
  });

  const setPaused = async (tenantId: string, id: string, paused: boolean) => {
    const batch = await ownBatch(ports, tenantId, id);
    await setBatchPaused(ports, batch, paused);
    return batchToWireById(ports, tenantId, id);
  };
  app.openapi(pauseBatchRoute, async (c) =>
    c.json(await setPaused(c.get('caller').tenantId, c.req.valid('param').id, true), 200),
  );
  app.openapi(resumeBatchRoute, async (c) =>
    c.json(await setPaused(c.get('caller').tenantId, c.req.valid('param').id, false), 200),
  );
}
