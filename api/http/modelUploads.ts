import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { HARDWARE_CLASS_NAMES, HARDWARE_CLASSES } from '../../domain/hardwareClasses.ts';
import { modelDeclarationSchema, type ModelDeclaration } from '../../domain/modelUploads.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { readModel, removeModel } from '../../store/models.ts';
import { requireScope } from './auth.ts';
import type { ApiDeps, ModelUpload } from './deps.ts';
import { discard } from './discard.ts';
import { modelParam, modelSchema, modelToWire } from './modelRoutes.ts';
import { readField, readMultipart } from './multipart.ts';
import { rounded } from './plannedWindows.ts';
import { errorResponses, notFound } from './wire.ts';

const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_FILE_BYTES = 512 * 1024 * 1024;
const MAX_ASSETS_BYTES = 64 * 1024 * 1024;

const admittedSchema = modelSchema.extend({
  x_probe: z.object({
    ms_per_sample: z.number(),
    peak_memory_mb: z.number().nullable(),
    energy_wh_per_sample: z.record(z.string(), z.number()).meta({
      description: 'By hardware class, at the speed of the machine that probed; cars that run it are measured.',
    }),
  }),
});

const addModelDoc = createRoute({
  method: 'post',
  path: '/v1/models',
  summary: 'Add a model (multipart/form-data: manifest, file, and assets that its pipeline names)',
  responses: {
    200: { description: 'Admitted and published', content: { 'application/json': { schema: admittedSchema } } },
    ...errorResponses,
  },
});

const removeModelRoute = createRoute({
  method: 'delete',
  path: '/v1/models/{model}',
  request: { params: modelParam, query: z.object({ version: z.string().optional() }) },
  responses: {
    200: {
      description: 'That version takes no more requests',
      content: {
        'application/json': {
          schema: z.object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) }),
        },
      },
    },
    ...errorResponses,
  },
});

/** Adding and removing models; for keys with the scope `models`. */
export function addModelUploadRoutes(app: OpenAPIHono, { db, admission }: ApiDeps): void {
  app.openAPIRegistry.registerPath(addModelDoc);
  app.post('/v1/models', requireScope('models'), async (c) => {
    const upload = await receiveModel(c.req.header('content-type'), c.req.raw.body ?? new ReadableStream());
    const { name, version, msPerSample, peakMemoryMb } = await admission.admit(upload);
    for (const hardwareClass of HARDWARE_CLASS_NAMES) {
      const speed = {
        modelName: name,
        modelVersion: version,
        hardwareClass,
        deviceMsPerLine: Math.max(msPerSample, 0.01),
      };
      await seedClassSpeed(db, speed);
    }
    const model = await readModel(db, name, version);
    if (!model) throw notFound('model', name);
    const energy = HARDWARE_CLASS_NAMES.map((hardwareClass) => [
      hardwareClass,
      rounded((HARDWARE_CLASSES[hardwareClass].chipKw * msPerSample) / 3600, 6),
    ]);
    const body: z.input<typeof admittedSchema> = {
      ...modelToWire(model),
      x_probe: {
        ms_per_sample: rounded(msPerSample, 3),
        peak_memory_mb: peakMemoryMb ?? null,
        energy_wh_per_sample: Object.fromEntries(energy),
      },
    };
    return c.json(body, 200);
  });

  app.use('/v1/models/:model', async (c, next) => {
    if (c.req.method !== 'DELETE') return next();
    return requireScope('models')(c, next);
  });
  app.openapi(removeModelRoute, async (c) => {
    const { model: name } = c.req.valid('param');
    const model = await readModel(db, name, c.req.valid('query').version);
    if (!model) throw notFound('model', name);
    if (!(await removeModel(db, name, model.version))) {
      throw new NightshiftError('conflict', `A batch that is not finished uses ${name} ${model.version}.`, {
        field: 'model',
      });
    }
    return c.json({ id: name, object: 'model' as const, deleted: true as const }, 200);
  });
}

/** @throws NightshiftError `invalid_request`, `payload_too_large` */
async function receiveModel(contentType: string | undefined, body: AsyncIterable<Uint8Array>): Promise<ModelUpload> {
  const source = body[Symbol.asyncIterator]();
  const chunks = { [Symbol.asyncIterator]: () => source };
  let declaration: ModelDeclaration | undefined;
  let network: Buffer | undefined;
  const assets: Buffer[] = [];
  try {
    for await (const part of readMultipart(contentType, chunks)) {
      if (part.name === 'manifest') declaration = parseDeclaration(await readField(part, MAX_MANIFEST_BYTES));
      else if (part.name === 'file' && !network) network = await gathered(part.body, MAX_FILE_BYTES, 'file');
      else if (part.name === 'assets') assets.push(await gathered(part.body, MAX_ASSETS_BYTES, 'assets'));
      else
        throw new NightshiftError('invalid_request', `The form has a part "${part.name}" too many.`, {
          field: part.name,
        });
    }
  } catch (error) {
    await discard(chunks, MAX_FILE_BYTES);
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
  const parsed = modelDeclarationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = ['manifest', ...(issue?.path ?? [])].join('.');
  throw new NightshiftError('invalid_request', `${field}: ${issue?.message}.`, { field });
}

async function gathered(body: AsyncIterable<Uint8Array>, maxBytes: number, field: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      throw new NightshiftError('payload_too_large', `${field} has at most ${maxBytes} bytes.`, { field });
    }
    // The reader's buffer is used again.
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}
