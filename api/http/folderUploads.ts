import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import pLimit, { type LimitFunction } from 'p-limit';

import { DAY_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import { folderDeclarationSchema } from '../../domain/modelUploads.ts';
import { modelFilesSchema } from '../../domain/models.ts';
import { sha256OfFile } from '../../store/objects/sha256OfFile.ts';
import { admittedSchema, answerAdmitted } from './admittedModel.ts';
import { requireScope } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { discard } from './discard.ts';
import { emptyBody } from './emptyBody.ts';
import { answers, notFound, taking } from './wire.ts';

/** An upload that nobody goes on with is thrown away. */
const KEPT_REAL_MS = DAY_MS;
const MAX_OPEN_UPLOADS = 16;
const DECLARATION = 'upload.json';
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

const fileSchema = z.object({ path: z.string(), sha256: z.string(), size_bytes: z.number() });
const createSchema = folderDeclarationSchema
  .extend({
    files: z
      .array(fileSchema.transform(({ path, sha256, size_bytes: sizeBytes }) => ({ path, sha256, sizeBytes })))
      .pipe(modelFilesSchema),
  })
  .openapi('CreateModelUpload');
const storedSchema = folderDeclarationSchema.extend({ files: modelFilesSchema });
const uploadSchema = z
  .object({
    id: z.string(),
    object: z.literal('model.upload'),
    files: z.array(z.object({ path: z.string(), size_bytes: z.number().int(), received_bytes: z.number().int() })),
  })
  .openapi('ModelUpload');
const idParam = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/) });
const partQuery = z.object({ path: z.string().min(1), offset: z.coerce.number().int().min(0) });

const createUploadRoute = createRoute({
  method: 'post',
  path: '/v1/model_uploads',
  summary: 'Begin to add the folder of a model, or go on with the same one: says what is there of each file',
  request: taking(createSchema),
  responses: answers('What is there', uploadSchema),
});

const putDoc = createRoute({
  method: 'put',
  path: '/v1/model_uploads/{id}/file',
  summary: 'Bytes of a file from `offset` on, which is what was received before; what arrives is kept',
  request: { params: idParam, query: partQuery },
  responses: answers('They are there', z.object({ received_bytes: z.number().int() })),
});

const completeRoute = createRoute({
  method: 'post',
  path: '/v1/model_uploads/{id}/complete',
  summary: 'Have the folder checked, measured and published',
  request: { params: idParam },
  responses: answers('Admitted and published', admittedSchema),
});

type Upload = z.output<typeof createSchema>;

/** Adding the folder of a model, file by file, resumable; for keys with the scope `models`. */
export function addFolderUploadRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { admission, maxModelBytes, now } = ports;
  const root = `${ports.scratchFolder}-kept`;
  // One writer a file: two that append to one would mix their bytes.
  const writers = new Map<string, LimitFunction>();
  for (const path of ['/v1/model_uploads', '/v1/model_uploads/*']) app.use(path, requireScope('models'));

  app.openapi(createUploadRoute, async (c) => {
    const upload = c.req.valid('json');
    const total = upload.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (total > maxModelBytes) {
      const message = `The model has ${total} bytes, at most ${maxModelBytes} are taken (models.maxBytes).`;
      throw new NightshiftError('payload_too_large', message, { field: 'files' });
    }
    const paths = new Set(upload.files.map(({ path }) => path));
    if (paths.size < upload.files.length) {
      throw new NightshiftError('invalid_request', 'files: a path comes twice.', { field: 'files' });
    }
    await sweep(root, now());
    const body = JSON.stringify(upload);
    // The same folder of the same tenant is the same upload: so a broken one is gone on with.
    const id = createHash('sha256')
      .update(`${c.get('caller').tenantId}\n${body}`)
      .digest('hex')
      .slice(0, 32);
    const folder = join(root, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, DECLARATION), body, { mode: 0o600 });
    return c.json(await uploadToWire(root, id, upload), 200);
  });

  app.openAPIRegistry.registerPath(putDoc);
  app.put('/v1/model_uploads/:id/file', async (c) => {
    const body = c.req.raw.body ?? emptyBody();
    const query = partQuery.safeParse(c.req.query());
    const { id } = c.req.param();
    try {
      const upload = await readUpload(root, id);
      const file = upload.files.find(({ path }) => path === query.data?.path);
      if (!file || !query.success) {
        throw new NightshiftError('invalid_request', 'path must be one of the upload’s files, offset a whole number.', {
          field: 'path',
        });
      }
      const key = `${id}/${file.path}`;
      const writer = writers.get(key) ?? pLimit(1);
      writers.set(key, writer);
      const received = await writer(() =>
        append(filePath(root, id, file.path), query.data.offset, file.sizeBytes, body),
      );
      return c.json({ received_bytes: received });
    } catch (error) {
      await discard(body, MAX_DISCARDED_BYTES);
      throw error;
    }
  });

  app.openapi(completeRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { tenantId } = c.get('caller');
    const upload = await readUpload(root, id);
    const { files, ...declaration } = upload;
    for (const { path, sha256, sizeBytes } of files) {
      const received = await receivedBytes(filePath(root, id, path));
      if (received !== sizeBytes) {
        const message = `${path} has ${sizeBytes} bytes, ${received} have arrived: send the rest.`;
        throw new NightshiftError('invalid_request', message, { field: path });
      }
      if ((await sha256OfFile(filePath(root, id, path))) !== sha256) {
        await rm(filePath(root, id, path), { force: true });
        const message = `${path} does not have its sha256: it changed, or was damaged on the way. Send it again.`;
        throw new NightshiftError('invalid_request', message, { field: path });
      }
    }
    const admitted = await admission.admitFolder({ declaration, root: join(root, id, 'files'), files }, tenantId);
    await rm(join(root, id), { recursive: true, force: true });
    for (const { path } of files) writers.delete(`${id}/${path}`);
    return c.json(await answerAdmitted(ports.database, tenantId, admitted), 200);
  });
}

function filePath(root: string, id: string, path: string): string {
  return join(root, id, 'files', ...path.split('/'));
}

async function readUpload(root: string, id: string): Promise<Upload> {
  const known = idParam.safeParse({ id }).success;
  const text = known ? await readFile(join(root, id, DECLARATION), 'utf8').catch(() => '') : '';
  const parsed = storedSchema.safeParse(parseJson(text));
  if (!parsed.success) throw notFound('model upload', id);
  return parsed.data;
}

async function uploadToWire(root: string, id: string, { files }: Upload): Promise<z.input<typeof uploadSchema>> {
  const received = files.map(async ({ path, sizeBytes }) => ({
    path,
    size_bytes: sizeBytes,
    received_bytes: await receivedBytes(filePath(root, id, path)),
  }));
  return { id, object: 'model.upload', files: await Promise.all(received) };
}

async function receivedBytes(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Appends what comes; what has arrived of a broken body stays. @returns the size then */
async function append(
  path: string,
  offset: number,
  sizeBytes: number,
  body: AsyncIterable<Uint8Array>,
): Promise<number> {
  const before = await receivedBytes(path);
  if (offset !== before) {
    throw new NightshiftError('invalid_request', `offset must be ${before}, the bytes that were received.`, {
      field: 'offset',
    });
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  let received = before;
  try {
    for await (const chunk of body) {
      received += chunk.byteLength;
      if (received > sizeBytes) {
        await truncate(path, before);
        throw new NightshiftError('payload_too_large', `The file was declared with ${sizeBytes} bytes.`, {
          field: 'offset',
        });
      }
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return received;
}

/** Throws away old uploads. @throws NightshiftError `rate_limited` when too many are open */
async function sweep(root: string, nowRealMs: number): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  let open = 0;
  for (const id of await readdir(root)) {
    const touched = await stat(join(root, id, DECLARATION)).catch(() => undefined);
    if (touched && nowRealMs - touched.mtimeMs < KEPT_REAL_MS) open += 1;
    else await rm(join(root, id), { recursive: true, force: true });
  }
  if (open > MAX_OPEN_UPLOADS) {
    const message = `${open} uploads of models are open: complete them, or come again when they have expired.`;
    throw new NightshiftError('rate_limited', message, { retryAfterSeconds: 3_600 });
  }
}
