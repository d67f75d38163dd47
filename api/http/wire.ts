import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { idTimeMs } from '../../domain/ids.ts';
import type { PageStart } from '../../store/files.ts';
import { errorSchema } from '../wire/error.ts';

/** What every route may answer. */
export const errorResponses = {
  default: { description: 'An error', content: { 'application/json': { schema: errorSchema } } },
} as const;

/** A route's answers when its answer is JSON. */
export const answers = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  200: { description, content: { 'application/json': { schema } } },
  ...errorResponses,
});

/** A route's request when it takes JSON. */
export const taking = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
});

export function listSchema<Item extends z.ZodType>(item: Item) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

interface ListOf<Item> {
  object: 'list';
  data: Item[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** One page of a list from `limit + 1` things: the one too many tells that there are more. */
export function listOf<Item extends { id: string }>(items: readonly Item[], limit: number): ListOf<Item> {
  const data = items.slice(0, limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: items.length > limit,
  };
}

export const idParam = z.object({ id: z.string().min(1).max(100) });

/** A limit within its bounds, or the default. */
export function limitParam(max: number, fallback: number) {
  return z.coerce.number().int().min(1).max(max).default(fallback);
}

export function notFound(what: string, id: string): NightshiftError {
  return new NightshiftError('not_found', `There is no ${what} "${id}".`, { field: 'id' });
}

/**
 * Where the page after `after` begins. What was deleted since the page before is found by the time in its id.
 * @throws NightshiftError `invalid_request` for what never was: the first page would come again, unnoticed
 */
export async function pageStartOf(
  after: string | undefined,
  read: (id: string) => Promise<(PageStart & { readonly tenantId: string }) | undefined>,
  tenantId: string,
): Promise<PageStart | undefined> {
  if (after === undefined) return undefined;
  const found = await read(after);
  if (found?.tenantId === tenantId) return found;
  const createdRealMs = idTimeMs(after);
  if (createdRealMs !== undefined) return { createdRealMs, id: after };
  throw new NightshiftError('invalid_request', `after must be the last_id of a page, is ${JSON.stringify(after)}.`, {
    field: 'after',
  });
}

export function unixSeconds(realMs: number): number {
  return Math.floor(realMs / 1000);
}
