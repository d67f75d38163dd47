import { z } from 'zod';
import { unusable } from './feedError.ts';
import type { FeedHttp } from './feedHttp.ts';
import type { FeedReader, Reading } from './reading.ts';

export interface OctopusConfig {
  /** E.g. AGILE-24-10-01. */
  readonly product: string;
  /** E.g. E-1R-AGILE-24-10-01-C. */
  readonly tariff: string;
  readonly paymentMethod: 'DIRECT_DEBIT' | 'NON_DIRECT_DEBIT';
  readonly eurPerGbp: number;
}

const PENCE_PER_POUND = 100;
const MAX_PAGES = 20;

const pageSchema = z.object({
  next: z.string().nullable(),
  results: z.array(
    z.object({
      value_inc_vat: z.number(),
      valid_from: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
      valid_to: z.iso
        .datetime({ offset: true })
        .transform((text) => Date.parse(text))
        .nullable(),
      payment_method: z.string().nullish(),
    }),
  ),
});

/** Octopus Energy's unit rates (Agile: half-hourly), VAT included. Labels are interval starts. */
export function octopusReader(http: FeedHttp, config: OctopusConfig): FeedReader {
  const { product, tariff, paymentMethod, eurPerGbp } = config;
  return {
    kind: 'price',
    async read(window) {
      const readings: Reading[] = [];
      let path: string | null = `/v1/products/${product}/electricity-tariffs/${tariff}/standard-unit-rates/`;
      let query: Record<string, string> = {
        period_from: new Date(window.startMs).toISOString(),
        period_to: new Date(window.endMs).toISOString(),
      };
      for (let page = 0; path !== null; page++) {
        if (page === MAX_PAGES) throw unusable(`has more than ${MAX_PAGES} pages for one reading`);
        const { results, next }: z.output<typeof pageSchema> = await http.json({ path, query }, pageSchema);
        for (const { value_inc_vat: pence, valid_from: startMs, valid_to, payment_method } of results) {
          // Rows come once for each way to pay.
          if (payment_method && payment_method !== paymentMethod) continue;
          const endMs = valid_to ?? window.endMs;
          readings.push({ startMs, endMs, value: (pence / PENCE_PER_POUND) * eurPerGbp, forecast: false });
        }
        // The link has the query in it.
        path = next;
        query = {};
      }
      return readings;
    },
  };
}
