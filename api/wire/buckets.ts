import { z } from '@hono/zod-openapi';

/** Unix seconds in grid time, up to the year 5138: what is later, dates cannot say. */
export const secondsSchema = z.coerce.number('must be Unix seconds').int().min(0).max(99_999_999_999);

/** A page of time buckets, as OpenAI's organization endpoints answer. */
export const bucketsOf = <Result extends z.ZodType>(result: Result) =>
  z.object({
    object: z.literal('page'),
    data: z.array(
      z.object({
        object: z.literal('bucket'),
        start_time: z.number().int(),
        end_time: z.number().int(),
        results: z.array(result),
      }),
    ),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
  });
