import { exchanged } from '../../domain/exchange.ts';
import { accounts, marginRest, type Booking, type Entry } from '../../domain/ledger.ts';
import type { PricedUnit } from '../../domain/priceBook.ts';
import { submitterPrice } from '../../domain/submitterPrice.ts';
import type { StoredPriceBook } from '../../store/priceBooks.ts';

/** What one tenant had answered at once by one model. */
export interface LiveWork {
  readonly tenantId: string;
  /** That the tenant is charged in. */
  readonly currency: string;
  readonly model: string;
  readonly unit: PricedUnit;
  readonly units: number;
}

/**
 * Live requests pay for what was answered, as batches with the shortest deadline do; the energy is the operator's own, and
 * so is what is left. Pure.
 * @returns undefined where the book asks nothing for it
 */
export function liveBooking(
  { book, version }: StoredPriceBook,
  work: LiveWork,
  id: string,
  atMs: number,
): Booking | undefined {
  const { tenantId, currency, model, unit, units } = work;
  const terms = { model, priority: undefined, windowMs: 0 };
  const charged = submitterPrice(book, terms, { energyWh: 0, unit, units, offPeakShare: 0 }).flatMap((line) => {
    const { amountMicros, ...of } = line;
    const account = accounts.tenant(tenantId);
    const entry: Entry = { ...of, account, currency: book.currency, item: 'price', amountMicros: -amountMicros };
    return exchanged(book, entry, currency);
  });
  if (charged.every(({ amountMicros }) => amountMicros === 0)) return undefined;
  return {
    key: `live/${id}`,
    kind: 'live',
    atMs,
    entries: [...charged, ...marginRest(charged)],
    reference: `live/${id}`,
    tenantId,
    model,
    priceBook: version,
  };
}
