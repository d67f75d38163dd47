import { z } from '@hono/zod-openapi';

/** The one form of every error that leaves the API; the SDKs of OpenAI read it. */
export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().meta({ description: 'The field that is wrong.' }),
      code: z.string().meta({ description: 'Stable; docs/errors.md lists them.' }),
    }),
  })
  .openapi('Error');
