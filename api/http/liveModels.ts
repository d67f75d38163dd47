import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, type ModelManifest } from '../../domain/models.ts';
import type { Queryable } from '../../store/database.ts';
import { readModel } from '../../store/models.ts';
import type { LiveAnswer } from './deps.ts';

const errorBodySchema = z.object({ error: z.object({ message: z.string(), param: z.string().nullable() }) });

/** A published model's manifest. @throws NightshiftError `not_found` */
export async function publishedModel(db: Queryable, name: string, version?: string): Promise<ModelManifest> {
  const model = await readModel(db, name, version);
  const manifest = modelManifestSchema.safeParse(model?.manifest);
  if (!manifest.success) {
    const which = version === undefined ? name : `${name} ${version}`;
    throw new NightshiftError('not_found', `There is no model "${which}".`, { field: 'model' });
  }
  return manifest.data;
}

/** The body of an answer that succeeded. @throws NightshiftError for one that says what is wrong with its request */
export function bodyOrThrow({ statusCode, body }: LiveAnswer): unknown {
  if (statusCode < 400) return body;
  const parsed = errorBodySchema.safeParse(body);
  const message = parsed.data?.error.message ?? 'The model failed on this input.';
  const param = parsed.data?.error.param ?? undefined;
  throw new NightshiftError(
    statusCode < 500 ? 'invalid_request' : 'inference_failed',
    message,
    param ? { field: param } : {},
  );
}
