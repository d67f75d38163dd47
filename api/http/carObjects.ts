import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, pipelineAssets } from '../../domain/models.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { objectKeys, receiptOfKey } from '../../domain/names.ts';
import { isWorkRemoved } from '../../store/batches.ts';
import { recordComputeAttempt } from '../../store/computeAttempts.ts';
import { MAX_PART_BYTES } from '../../domain/shards.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { readSliceOfJob } from '../../store/slices.ts';
import { mayList, mayRead, mayWrite, type CarSliceScope, type SliceScope } from '../../store/sliceAccess.ts';
import { bearerOf } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { discard } from './discard.ts';
import { emptyBody } from './emptyBody.ts';
import { answers, errorResponses } from './wire.ts';

const keyQuery = z.object({ key: z.string().min(1) });

const readRoute = createRoute({
  method: 'get',
  path: '/cars/v1/object',
  summary: 'Read an object of the shard that the bearer token names',
  request: { query: keyQuery.extend({ from_byte: z.coerce.number().int().min(0).default(0) }) },
  responses: {
    200: { description: 'The bytes', content: { 'application/octet-stream': { schema: z.any() } } },
    ...errorResponses,
  },
});

const writeDoc = createRoute({
  method: 'put',
  path: '/cars/v1/object',
  summary:
    'Write a part of the shard, its receipt, or tokens of unfinished answers, in the name of the car that the bearer token names; one that is there stays as it is',
  request: { query: keyQuery },
  responses: answers('It is there', z.object({ stored: z.boolean() })),
});

const listRoute = createRoute({
  method: 'get',
  path: '/cars/v1/objects',
  summary: 'The keys of receipts, or of unfinished answers, of the shard that the bearer token names',
  request: { query: z.object({ prefix: z.string().min(1) }) },
  responses: answers('In ascending order', z.object({ keys: z.array(z.string()) })),
});

declare module 'hono' {
  interface ContextVariableMap {
    slice: CarSliceScope;
  }
}

/** Puts what the bearer token names into the context. @throws NightshiftError `unauthorized` */
export function requireSlice({ slices, now }: Pick<ApiPorts, 'slices' | 'now'>): MiddlewareHandler {
  return async (c, next) => {
    const { car, ...scope } = slices.read(bearerOf(c) ?? '', now());
    if (!car) throw new NightshiftError('unauthorized', 'The token was not handed to a car by the gateway.');
    c.set('slice', { ...scope, car });
    await next();
  };
}

/** The object store for cars: each reads its slice and its model and writes its answers, and nothing else. */
export function addCarObjectRoutes(app: OpenAPIHono, { objects, database, cell, now }: ApiPorts): void {
  const written = new WrittenObjects();

  app.openapi(readRoute, async (c) => {
    const scope = c.get('slice');
    const { key, from_byte: fromByte } = c.req.valid('query');
    if (!mayRead(scope, key) && !(await isOfModel(objects, scope, key))) throw outside(key);
    const isSlice = key === objectKeys.shardInput(scope.jobId, scope.shard);
    const content = isSlice
      ? [(await readSliceOfJob({ database, objects }, scope.jobId, scope.shard)).subarray(fromByte)]
      : await objects.getStream(key, fromByte);
    return c.body(ReadableStream.from(content), 200, { 'content-type': 'application/octet-stream' });
  });

  // Not as an OpenAPI route: its validator would read the body.
  app.openAPIRegistry.registerPath(writeDoc);
  app.put('/cars/v1/object', async (c) => {
    const scope = c.get('slice');
    const key = c.req.query('key') ?? '';
    if (!mayWrite(scope, key)) throw outside(key);
    // A car that had the shard before must not replace what another one has answered since.
    if (await objects.head(key)) {
      await discard(c.req.raw.body, MAX_PART_BYTES);
      return c.json({ stored: false });
    }
    if (await isWorkRemoved(database, scope.jobId)) {
      await discard(c.req.raw.body, MAX_PART_BYTES);
      throw new NightshiftError('conflict', 'The batch has ended, and what it worked with was removed.');
    }
    written.count(scope);
    if (receiptOfKey(key)) {
      const { jobId, shard, car } = scope;
      // Before the receipt is there: it is paid by this.
      await recordComputeAttempt(database, {
        jobId,
        shard,
        vehicleId: car.vehicleId,
        handedOutMs: gridTimeMs(cell.clock, car.handedOutRealMs),
        storedAtMs: gridTimeMs(cell.clock, now()),
      });
    }
    await objects.putStream(key, ofPartSize(c.req.raw.body ?? emptyBody()));
    return c.json({ stored: true });
  });

  app.openapi(listRoute, async (c) => {
    const { prefix } = c.req.valid('query');
    if (!mayList(c.get('slice'), prefix)) throw outside(prefix);
    return c.json({ keys: await objects.list(prefix) }, 200);
  });
}

async function isOfModel(objects: ObjectStore, { model }: SliceScope, key: string): Promise<boolean> {
  const bytes = await objects.get(objectKeys.modelManifest(model.name, model.version));
  const { pipeline, folder } = modelManifestSchema.parse(JSON.parse(bytes.toString('utf8')));
  if (folder) return folder.files.some(({ sha256 }) => objectKeys.modelFile(sha256) === key);
  return pipelineAssets(pipeline).some((sha256) => objectKeys.modelAsset(sha256) === key);
}

/** @throws NightshiftError `payload_too_large` */
async function* ofPartSize(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > MAX_PART_BYTES) {
      throw new NightshiftError('payload_too_large', `The body has more than ${MAX_PART_BYTES} bytes.`);
    }
    yield piece;
  }
}

const MAX_OBJECTS_PER_CARS_SHARD = 2_000;
const MAX_CARS_SHARDS_COUNTED = 100_000;

/** How many parts, receipts and unfinished answers each car wrote of each shard since this process began. */
class WrittenObjects {
  readonly #objects = new Map<string, number>();

  /** @throws NightshiftError `conflict`: waiting does not help */
  count({ jobId, shard, car }: CarSliceScope): void {
    const key = `${jobId}/${shard}/${car.vehicleId}`;
    const objects = (this.#objects.get(key) ?? 0) + 1;
    if (objects > MAX_OBJECTS_PER_CARS_SHARD) {
      throw new NightshiftError(
        'conflict',
        `A car stores at most ${MAX_OBJECTS_PER_CARS_SHARD} parts, receipts and unfinished answers of a shard.`,
      );
    }
    // The shard that was counted last stays: the oldest are the likeliest to be done.
    this.#objects.delete(key);
    this.#objects.set(key, objects);
    const [oldest] = this.#objects.keys();
    if (this.#objects.size > MAX_CARS_SHARDS_COUNTED && oldest !== undefined) this.#objects.delete(oldest);
  }
}

function outside(key: string): NightshiftError {
  return new NightshiftError('forbidden', `The token does not cover "${key.slice(0, 200)}".`, { field: 'key' });
}
