import { accounts, type Entry } from './ledger.ts';
import { NightshiftError } from './errors.ts';
import { scaled } from './money.ts';
import type { PriceBook } from './priceBook.ts';

/** Units of a currency for one of the book's, who says so and of which day. */
export interface Rate {
  readonly perUnit: number;
  readonly source: string;
  readonly date: string | null;
}

/** @throws NightshiftError `invalid_config` for a currency that the book has no rate of */
export function rateOf(book: PriceBook, currency: string): Rate {
  if (currency === book.currency) return { perUnit: 1, source: 'the currency of the price book', date: null };
  const known = book.rates.find((rate) => rate.currency === currency);
  if (known) return { perUnit: known.per_unit, source: known.source, date: known.date };
  const message = `The price book has no rate of ${currency}; it is in ${book.currency}.`;
  throw new NightshiftError('invalid_config', message, { field: 'rates' });
}

/** An amount of the book's currency in another one, rounded once. @throws NightshiftError like `rateOf` */
export function toCurrency(book: PriceBook, micros: number, currency: string): number {
  return scaled(micros, rateOf(book, currency).perUnit);
}

/** An amount of another currency in the book's. @throws NightshiftError like `rateOf` */
export function fromCurrency(book: PriceBook, micros: number, currency: string): number {
  const { perUnit } = rateOf(book, currency);
  return perUnit === 1 ? micros : Math.round(micros / perUnit);
}

/** The currency that owners of a region are paid in. */
export function currencyOfRegion(book: PriceBook, regionId: string): string {
  return book.regions[regionId] ?? book.currency;
}

/**
 * An entry of the book's currency as one of the holder's currency, with what the exchange stands for on both sides: so
 * each currency of a booking is 0 in sum by itself.
 */
export function exchanged(book: PriceBook, entry: Entry, currency: string): Entry[] {
  if (currency === entry.currency) return [entry];
  const amountMicros = toCurrency(book, entry.amountMicros, currency);
  const exchange = { account: accounts.exchange, item: 'exchange' as const };
  return [
    {
      ...entry,
      currency,
      amountMicros,
      ...(entry.unitPriceMicros !== undefined && {
        unitPriceMicros: toCurrency(book, entry.unitPriceMicros, currency),
      }),
    },
    { ...exchange, currency, amountMicros: -amountMicros },
    { ...exchange, currency: entry.currency, amountMicros: entry.amountMicros },
  ];
}
