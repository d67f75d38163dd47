import { z } from '@hono/zod-openapi';
import { per1000TokensSchema, windowSchema } from './batch.ts';

/** What the plan says of a batch that nobody has submitted. */
export const plannedQuoteSchema = z.object({
  object: z.literal('batch.quote'),
  model: z.string(),
  requests: z.number().int(),
  shards: z.number().int(),
  deadline: z.string().meta({ description: 'Grid time, RFC 3339.' }),
  feasible: z.boolean(),
  eta: z.string().nullable(),
  windows: z.array(windowSchema),
  energy_wh: z.number(),
  cost: z.object({ eur: z.number() }).meta({ description: 'Of the energy, for the operator.' }),
  gco2: z.number(),
  tokens: z
    .number()
    .int()
    .nullable()
    .meta({ description: 'About how many would be read and written; null where none are counted, or without a file.' }),
  per_1000_tokens: per1000TokensSchema.nullable(),
  confidence: z.object({
    probability: z.number().meta({ description: 'Share of the scenarios in which it is done by its deadline.' }),
    scenarios: z.number().int(),
    assumption: z.string(),
  }),
  reasons: z.array(z.object({ code: z.string(), text: z.string() })),
  planned_from: z.string().meta({ description: 'Grid time of the plan whose fleet and forecasts this rests on.' }),
});

export const quoteSchema = plannedQuoteSchema
  .extend({
    id: z.string().nullable().meta({
      description: 'Name it as grid.quote in the batch: its price is kept or undercut. Null without an input file.',
    }),
    price: z.object({
      amount: z.number().meta({ description: 'What the submitter pays at most; less where it runs off-peak.' }),
      currency: z.string(),
      price_book: z.number().int().meta({ description: 'Version.' }),
      kept_until: z.string().nullable().meta({ description: 'Grid time by which the batch must be submitted.' }),
    }),
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
