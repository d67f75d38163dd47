import { z } from '@hono/zod-openapi';
import { priceBookSchema } from '../../domain/priceBook.ts';

/** Prices as decimals in the currency that is named beside them; the form in which a price book is written. */
const written = z.record(z.string(), z.unknown());

const rateSchema = z
  .object({ currency: z.string(), per_unit: z.number(), source: z.string(), date: z.string().nullable() })
  .meta({ description: 'Units of the currency for one of the price book’s, who says so and of which day.' });

export const pricesSchema = z
  .object({
    object: z.literal('prices'),
    price_book: z.number().int().meta({ description: 'Version.' }),
    valid_from: z.string().nullable().meta({ description: 'Grid time; null: always.' }),
    currency: z.string().meta({ description: 'Of the figures.' }),
    charged_in: rateSchema,
    submitters: written.meta({ description: 'As `submitters` of the price book (docs/money.md).' }),
    next: z
      .array(z.object({ price_book: z.number().int(), valid_from: z.string(), submitters: written }))
      .meta({ description: 'Versions that are known and not in force yet.' }),
  })
  .openapi('Prices');

export const formulaSchema = z
  .object({
    priceBook: z.number(),
    validFromMs: z.number(),
    currency: z.string(),
    owners: written.meta({ description: 'As `owners` of the price book (docs/money.md).' }),
    formula: z.array(z.object({ item: z.string(), text: z.string() })),
    regions: z.array(z.object({ regionId: z.string(), rate: rateSchema })),
  })
  .openapi('Formula');

export const payPreviewSchema = z
  .object({
    id: z.string(),
    planId: z.string().nullable(),
    fromMs: z.number().nullable(),
    untilMs: z.number().nullable().meta({ description: 'As far as the plan looks; half-open grid time.' }),
    currency: z.string(),
    lines: z.array(
      z.object({ item: z.string(), quantity: z.number(), unit: z.string(), unitPrice: z.number(), amount: z.number() }),
    ),
    total: z.number(),
    streakNights: z.number(),
    words: z.string(),
  })
  .openapi('PayPreview');

export const priceBookWireSchema = z
  .object({
    object: z.literal('price_book'),
    version: z.number().int(),
    valid_from: z.string().nullable(),
    set_by: z.string(),
    book: written,
  })
  .openapi('PriceBook');

export const newPriceBookSchema = z.strictObject({
  valid_from: z.iso.datetime({ offset: true }).optional().meta({ description: 'Grid time; now when left out.' }),
  book: priceBookSchema,
});
