import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { isInputOfOpenBatch } from '../../store/batches.ts';
import { expireFile, listFiles, readFile, type StoredFile } from '../../store/files.ts';
import type { ApiPorts } from './ports.ts';
import { bodyOf } from './requestBody.ts';
import { receiveFile } from './fileUpload.ts';
import { answersSoFar, runningBatchOf } from './partialResults.ts';
import { removeFile } from './tidyUp.ts';
import {
  answers,
  errorResponses,
  idParam,
  limitParam,
  listOf,
  listSchema,
  notFound,
  pageStartOf,
  unixSeconds,
} from './wire.ts';

const fileSchema = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.number().int(),
    created_at: z.number().int(),
    filename: z.string(),
    purpose: z.string(),
    status: z.literal('processed'),
    expires_at: z.number().int().optional(),
  })
  .openapi('File');

const fileResponse = answers('The file', fileSchema);

const createFileDoc = createRoute({
  method: 'post',
  path: '/v1/files',
  summary: 'Upload a file (multipart/form-data: file, purpose, expires_after[anchor], expires_after[seconds])',
  responses: fileResponse,
});

const listFilesRoute = createRoute({
  method: 'get',
  path: '/v1/files',
  request: {
    query: z.object({
      after: z.string().optional(),
      limit: limitParam(10_000, 10_000),
      order: z.enum(['asc', 'desc']).default('desc'),
      purpose: z.string().optional(),
    }),
  },
  responses: answers('One page', listSchema(fileSchema)),
});

const readFileRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}',
  request: { params: idParam },
  responses: fileResponse,
});

const readContentRoute = createRoute({
  method: 'get',
  path: '/v1/files/{id}/content',
  request: { params: idParam },
  responses: {
    200: { description: 'The bytes', content: { 'application/octet-stream': { schema: z.any() } } },
    ...errorResponses,
  },
});

const deleteFileRoute = createRoute({
  method: 'delete',
  path: '/v1/files/{id}',
  request: { params: idParam },
  responses: answers('It is gone', z.object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })),
});

const BYTES = 'application/octet-stream';

/** The Files API of OpenAI. The output file of a batch that still runs can be read too: its answers so far. */
export function addFileRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, objects } = ports;

  const existing = async (tenantId: string, id: string): Promise<StoredFile> => {
    const file = await readFile(database, id);
    if (file?.tenantId !== tenantId) throw notFound('file', id);
    return file;
  };

  // Not as an OpenAPI route: its validator would read the whole form into memory.
  app.openAPIRegistry.registerPath(createFileDoc);
  app.post('/v1/files', async (c) => {
    const contentType = c.req.header('content-type');
    return c.json(toWire(await receiveFile(ports, c.get('caller').tenantId, contentType, bodyOf(c))));
  });

  app.openapi(listFilesRoute, async (c) => {
    const { after, limit, order, purpose } = c.req.valid('query');
    const { tenantId } = c.get('caller');
    const page = {
      after: await pageStartOf(after, (id) => readFile(database, id), tenantId),
      limit: limit + 1,
      ascending: order === 'asc',
    };
    const files = await listFiles(database, page, tenantId, purpose);
    return c.json(listOf(files.map(toWire), limit), 200);
  });

  app.openapi(readFileRoute, async (c) =>
    c.json(toWire(await existing(c.get('caller').tenantId, c.req.valid('param').id)), 200),
  );

  app.openapi(readContentRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { tenantId } = c.get('caller');
    const running = await runningBatchOf(ports, tenantId, id);
    if (running) return c.body(ReadableStream.from(answersSoFar(ports, running)), 200, { 'content-type': BYTES });
    const file = await existing(tenantId, id);
    const content = await objects.getStream(file.objectKey);
    return c.body(ReadableStream.from(content), 200, {
      'content-type': BYTES,
      'content-length': String(file.bytes),
    });
  });

  app.openapi(deleteFileRoute, async (c) => {
    const { id } = c.req.valid('param');
    await existing(c.get('caller').tenantId, id);
    if (await isInputOfOpenBatch(database, id)) {
      throw new NightshiftError('conflict', `A batch that is not finished reads "${id}".`, { field: 'id' });
    }
    const file = await expireFile(database, id);
    if (!file) throw notFound('file', id);
    await removeFile(ports, file);
    return c.json({ id, object: 'file' as const, deleted: true as const }, 200);
  });
}

function toWire(file: StoredFile): z.input<typeof fileSchema> {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.createdRealMs),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
    ...(file.expiresRealMs !== null && { expires_at: unixSeconds(file.expiresRealMs) }),
  };
}
