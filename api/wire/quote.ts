import { z } from '@hono/zod-openapi';
import { per1000TokensSchema, windowSchema } from './batch.ts';

export const quoteSchema = z
  .object({
    object: z.literal('batch.quote'),
    model: z.string(),
    requests: z.number().int(),
    shards: z.number().int(),
    deadline: z.string().meta({ description: 'Grid time, RFC 3339.' }),
    feasible: z.boolean(),
    eta: z.string().nullable(),
    windows: z.array(windowSchema),
    energy_wh: z.number(),
    cost: z.object({ eur: z.number() }),
    gco2: z.number(),
    tokens: z
      .number()
      .int()
      .nullable()
      .meta({ description: 'About how many would be read and written; null where the model counts none.' }),
    per_1000_tokens: per1000TokensSchema.nullable(),
    confidence: z.object({
      probability: z.number().meta({ description: 'Share of the scenarios in which it is done by its deadline.' }),
      scenarios: z.number().int(),
      assumption: z.string(),
    }),
    reasons: z.array(z.object({ code: z.string(), text: z.string() })),
    planned_from: z.string().meta({ description: 'Grid time of the plan whose fleet and forecasts this rests on.' }),
  })
  .openapi('Quote');
export type QuoteWire = z.output<typeof quoteSchema>;
