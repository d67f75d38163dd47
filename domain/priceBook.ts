import { z } from 'zod';

import { currencySchema, decimalOf, priceSchema } from './money.ts';
import type { Pipeline } from './models.ts';

/** What submitters' work is counted in, by what the model makes of a request. */
export const PRICED_UNITS = ['tokens', 'embedding_inputs', 'pages', 'requests'] as const;
export type PricedUnit = (typeof PRICED_UNITS)[number];

const UNIT_OF_KIND: Record<Pipeline['kind'], PricedUnit> = {
  'text-generation': 'tokens',
  'text-embedding': 'embedding_inputs',
  'image-ctc': 'pages',
  'text-classification': 'requests',
  rerank: 'requests',
  tensors: 'requests',
  training: 'requests',
};

/** What a model's work is counted in; requests where its manifest does not say what it is. */
export function pricedUnitOf(kind: Pipeline['kind'] | undefined): PricedUnit {
  return kind === undefined ? 'requests' : UNIT_OF_KIND[kind];
}

/** Of the price: 1.5 is half more. */
const factor = z.number().min(0).max(100).multipleOf(0.000001);
const shareOf = z.number().min(0).max(1).multipleOf(0.000001);
const per1000 = z.strictObject({
  tokens: priceSchema.optional(),
  embedding_inputs: priceSchema.optional(),
  pages: priceSchema.optional(),
  requests: priceSchema.optional(),
});

const submitterPricesSchema = z.strictObject({
  /** Energy at the plug that accepted answers took. */
  per_kwh: priceSchema.default(0),
  per_1000: per1000.default({}),
  /** Instead of `per_1000`, by name of the model. */
  models: z.record(z.string().min(1).max(200), per1000).default({}),
  /** By `grid.priority`, 1 first to 5 last; 1 where none is named. */
  priority_factors: z.partialRecord(z.enum(['1', '2', '3', '4', '5']), factor).default({}),
  /** By the time from submission to deadline: the first class that it fits in counts; 1 where it fits in none. */
  deadline_factors: z
    .array(z.strictObject({ within_hours: z.number().positive().max(10_000), factor }))
    .max(20)
    .default([]),
  /** Less for work done in an off-peak window of its region. */
  off_peak_discount: shareOf.default(0),
});

const ownerPricesSchema = z.strictObject({
  /** Where the owner states no tariff and the region's price is not known. */
  energy_per_kwh: priceSchema,
  /** Of the battery and the computer, by energy computed with. */
  wear_per_kwh: priceSchema.default(0),
  work_per_kwh: priceSchema.default(0),
  availability_per_hour: priceSchema.default(0),
  /** A share of the work on top, after so many nights in a row; the longest reached counts. */
  streaks: z
    .array(z.strictObject({ nights: z.number().int().min(2).max(365), bonus: shareOf }))
    .max(10)
    .default([]),
});

const rateSchema = z.strictObject({
  currency: currencySchema,
  /** Units of it for one unit of the book's currency. */
  per_unit: z.number().positive().max(1_000_000),
  /** Who says so, e.g. "ECB euro reference rates". */
  source: z.string().min(1).max(200),
  /** Of the rate. */
  date: z.iso.date(),
});

/** What an operator asks of submitters and pays to owners, from a time on. docs/money.md */
export const priceBookSchema = z
  .strictObject({
    currency: currencySchema,
    submitters: submitterPricesSchema,
    owners: ownerPricesSchema,
    /** Of a trusted computer, energy and wear: what it costs to check what cars answer. */
    checking_per_hour: priceSchema.default(0),
    /** Of other currencies that are charged and paid in. */
    rates: z.array(rateSchema).max(50).default([]),
    /** Region to the currency that its owners are paid in; the book's where none is named. */
    regions: z.record(z.string().min(1).max(100), currencySchema).default({}),
  })
  .superRefine(({ currency, rates, regions }, context) => {
    const known = new Set([currency, ...rates.map((rate) => rate.currency)]);
    // Prices of energy are known in euros.
    if (!known.has('EUR')) context.addIssue({ code: 'custom', path: ['rates'], message: 'must have a rate of EUR' });
    for (const [region, wanted] of Object.entries(regions)) {
      if (known.has(wanted)) continue;
      const message = `must be ${currency} or a currency that rates has, is ${wanted}`;
      context.addIssue({ code: 'custom', path: ['regions', region], message });
    }
  });
export type PriceBook = z.output<typeof priceBookSchema>;
/** As it is written, kept and shown: prices as decimals. */
export type PriceBookInput = z.input<typeof priceBookSchema>;

/**
 * In force until an operator states another one. The figures are ours, not a market's: an owner gets the price of the
 * energy and somewhat more, so that computing never costs them.
 */
export const DEFAULT_PRICE_BOOK: PriceBookInput = {
  currency: 'EUR',
  submitters: {
    per_kwh: '0.75',
    per_1000: { tokens: '0.0004', embedding_inputs: '0.002', pages: '0.10', requests: '0.01' },
    priority_factors: { '1': 1.5, '2': 1.2, '4': 0.9, '5': 0.8 },
    deadline_factors: [{ within_hours: 4, factor: 1.25 }],
    off_peak_discount: 0.1,
  },
  owners: {
    energy_per_kwh: '0.30',
    wear_per_kwh: '0.05',
    work_per_kwh: '0.10',
    availability_per_hour: '0.02',
    streaks: [
      { nights: 7, bonus: 0.05 },
      { nights: 30, bonus: 0.1 },
    ],
  },
  // 0.1 kW at 0.30 EUR, and as much for its wear.
  checking_per_hour: '0.06',
};

/** A book as it is written, kept and shown. */
export function writtenOf(book: PriceBook): PriceBookInput {
  const { submitters, owners } = book;
  return {
    ...book,
    submitters: {
      ...submitters,
      per_kwh: decimalOf(submitters.per_kwh),
      per_1000: decimalsOf(submitters.per_1000),
      models: Object.fromEntries(Object.entries(submitters.models).map(([name, prices]) => [name, decimalsOf(prices)])),
    },
    owners: {
      ...owners,
      energy_per_kwh: decimalOf(owners.energy_per_kwh),
      wear_per_kwh: decimalOf(owners.wear_per_kwh),
      work_per_kwh: decimalOf(owners.work_per_kwh),
      availability_per_hour: decimalOf(owners.availability_per_hour),
    },
    checking_per_hour: decimalOf(book.checking_per_hour),
  };
}

function decimalsOf(prices: z.output<typeof per1000>): z.input<typeof per1000> {
  return Object.fromEntries(
    Object.entries(prices).flatMap(([unit, micros]) => (micros === undefined ? [] : [[unit, decimalOf(micros)]])),
  );
}
