import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, type ModelManifest } from '../../domain/models.ts';
import type { Queryable } from '../../store/database.ts';
import { readModel } from '../../store/models.ts';
import type { ApiPorts, LiveAnswer } from './ports.ts';

const errorBodySchema = z.object({ error: z.object({ message: z.string(), param: z.string().nullable() }) });

/** A model that was removed, or has a new version, is noticed this late: a busy one costs no query a request. */
const KEPT_REAL_MS = 1_000;
const MAX_KEPT = 1_000;

export interface PublishedModels {
  /** A published model's manifest. @throws NightshiftError `not_found` */
  read(tenantId: string, name: string, version?: string): Promise<ModelManifest>;
}

export function createPublishedModels({ database, now }: Pick<ApiPorts, 'database' | 'now'>): PublishedModels {
  const kept = new Map<string, { manifest: ModelManifest; readRealMs: number }>();
  return {
    read: async (tenantId, name, version) => {
      const key = JSON.stringify([tenantId, name, version]);
      const known = kept.get(key);
      if (known && now() - known.readRealMs <= KEPT_REAL_MS) return known.manifest;
      const manifest = await publishedModel(database, tenantId, name, version);
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(key, { manifest, readRealMs: now() });
      return manifest;
    },
  };
}

async function publishedModel(
  database: Queryable,
  tenantId: string,
  name: string,
  version?: string,
): Promise<ModelManifest> {
  const model = await readModel(database, tenantId, name, version);
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
