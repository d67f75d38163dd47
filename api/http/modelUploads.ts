import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import {
  modelDeclarationSchema,
  type ModelDeclaration,
  type ReceivedFile,
  type UploadedModel,
} from '../../domain/modelUploads.ts';
import { modelOwner, readModel, removeModel } from '../../store/models.ts';
import { admittedSchema, answerAdmitted } from './admittedModel.ts';
import { requireScope } from './auth.ts';
import { checkStorable } from './storableRequest.ts';
import type { ApiPorts } from './ports.ts';
import { discard } from './discard.ts';
import { emptyBody } from './emptyBody.ts';
import { modelParam } from './modelRoutes.ts';
import { readField, readMultipart, type MultipartPart } from './multipart.ts';
import { answers, notFound } from './wire.ts';

const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_ASSETS_BYTES = 64 * 1024 * 1024;

const addModelDoc = createRoute({
  method: 'post',
  path: '/v1/models',
  summary: 'Add a model (multipart/form-data: manifest, file, and assets that its pipeline names)',
  responses: answers('Admitted and published', admittedSchema),
});

const removeModelRoute = createRoute({
  method: 'delete',
  path: '/v1/models/{model}',
  request: { params: modelParam, query: z.object({ version: z.string().optional() }) },
  responses: answers(
    'That version takes no more requests',
    z.object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) }),
  ),
});

/** Adding and removing models; for keys with the scope `models`. */
export function addModelUploadRoutes(
  app: OpenAPIHono,
  { database, admission, scratchFolder, maxModelBytes }: ApiPorts,
): void {
  app.openAPIRegistry.registerPath(addModelDoc);
  app.post('/v1/models', requireScope('models'), async (c) => {
    const { tenantId } = c.get('caller');
    const form = c.req.raw.body ?? emptyBody();
    const admitted = await inFolderBelow(scratchFolder, async (folder) =>
      admission.admit(await receiveModel(folder, c.req.header('content-type'), form, maxModelBytes), tenantId),
    );
    return c.json(await answerAdmitted(database, tenantId, admitted), 200);
  });

  app.use('/v1/models/:model', async (c, next) => {
    if (c.req.method !== 'DELETE') return next();
    return requireScope('models')(c, next);
  });
  app.openapi(removeModelRoute, async (c) => {
    const { model: name } = c.req.valid('param');
    const { tenantId } = c.get('caller');
    const model = await readModel(database, tenantId, name, c.req.valid('query').version);
    if (!model) throw notFound('model', name);
    if (model.tenantId !== modelOwner(tenantId)) {
      throw new NightshiftError('forbidden', `${name} ${model.version} is the operator's, who alone removes it.`);
    }
    if (!(await removeModel(database, model))) {
      throw new NightshiftError('conflict', `A batch that is not finished uses ${name} ${model.version}.`, {
        field: 'model',
      });
    }
    return c.json({ id: name, object: 'model' as const, deleted: true as const }, 200);
  });
}

async function inFolderBelow<Result>(parent: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(parent, 'model-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Streams the files of an upload form into `folder`, each into a folder of its own.
 * @throws NightshiftError `invalid_request`, `payload_too_large`
 */
async function receiveModel(
  folder: string,
  contentType: string | undefined,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<UploadedModel> {
  const source = body[Symbol.asyncIterator]();
  const chunks = { [Symbol.asyncIterator]: () => source };
  let declaration: ModelDeclaration | undefined;
  let network: ReceivedFile | undefined;
  const assets: ReceivedFile[] = [];
  try {
    for await (const part of readMultipart(contentType, chunks)) {
      if (part.name === 'manifest') declaration = parseDeclaration(await readField(part, MAX_MANIFEST_BYTES));
      else if (part.name === 'file' && !network) network = await received(folder, part, maxBytes);
      else if (part.name === 'assets') assets.push(await received(folder, part, MAX_ASSETS_BYTES));
      else
        throw new NightshiftError('invalid_request', `The form has a part "${part.name}" too many.`, {
          field: part.name,
        });
    }
  } catch (error) {
    await discard(chunks, maxBytes);
    throw error;
  }
  if (!declaration)
    throw new NightshiftError('invalid_request', 'The form has no part "manifest".', { field: 'manifest' });
  if (!network) throw new NightshiftError('invalid_request', 'The form has no part "file".', { field: 'file' });
  return { declaration, network, assets };
}

function parseDeclaration(text: string): ModelDeclaration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NightshiftError('invalid_request', 'manifest is not JSON.', { field: 'manifest' });
  }
  checkStorable('form', '', { manifest: value });
  const parsed = modelDeclarationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = ['manifest', ...(issue?.path ?? [])].join('.');
  throw new NightshiftError('invalid_request', `${field}: ${issueText(issue)}.`, { field });
}

async function received(folder: string, { name, body }: MultipartPart, maxBytes: number): Promise<ReceivedFile> {
  const path = join(await mkdtemp(join(folder, `${name}-`)), 'received');
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const measured = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      sizeBytes += piece.byteLength;
      if (sizeBytes > maxBytes) {
        throw new NightshiftError('payload_too_large', `${name} has at most ${maxBytes} bytes.`, { field: name });
      }
      hash.update(piece);
      yield piece;
    }
  };
  await pipeline(measured, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return { path, sha256: hash.digest('hex'), sizeBytes };
}
