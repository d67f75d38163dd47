import { z } from '@hono/zod-openapi';

/** What work and stays brought and cost. */
export const marginSchema = z
  .object({
    group: z
      .string()
      .meta({ description: 'The region, the hour of the day in UTC, or the model; empty where none is.' }),
    currency: z.string(),
    submitters: z.number(),
    owners: z.number(),
    energy: z.number(),
    checking: z.number(),
    canaries: z.number().meta({
      description:
        'What of owners’ and energy’s part is for canaries among submitters’ requests, which the margin bears.',
    }),
    margin: z.number(),
    exchange: z.number().meta({ description: 'What crossed into other currencies; 0 where there is one.' }),
  })
  .openapi('Margin');
