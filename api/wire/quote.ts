import { z } from '@hono/zod-openapi';
import { windowSchema } from './batch.ts';

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
    confidence: z.object({
      probability: z.number().meta({ description: 'Share of the scenarios in which it is done by its deadline.' }),
      scenarios: z.number().int(),
      assumption: z.string(),
    }),
    reasons: z.array(z.object({ code: z.string(), text: z.string() })),
    planned_from: z.string().meta({ description: 'Grid time of the plan whose fleet and forecasts this rests on.' }),
  })
  .openapi('Quote');
/** What the same batch would cost and emit, the longer it may take. */
export const quoteCurveSchema = z
  .object({
    object: z.literal('batch.quote_curve'),
    model: z.string(),
    requests: z.number().int(),
    shards: z.number().int(),
    points: z.array(
      z.object({
        hours: z.number().meta({ description: 'From now, grid time.' }),
        deadline: z.string(),
        feasible: z.boolean(),
        eta: z.string().nullable(),
        energy_wh: z.number(),
        cost: z.object({ eur: z.number() }),
        gco2: z.number(),
      }),
    ),
    planned_from: z.string().meta({ description: 'Grid time of the plan whose fleet and forecasts this rests on.' }),
  })
  .openapi('QuoteCurve');
export type QuoteCurveWire = z.output<typeof quoteCurveSchema>;

export type QuoteWire = z.output<typeof quoteSchema>;
