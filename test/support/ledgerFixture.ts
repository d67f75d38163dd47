import { availabilityBooking, computeBooking } from '../../activities/settlement/workBooking.ts';
import type { Booking } from '../../domain/ledger.ts';
import { DEFAULT_PRICE_BOOK, priceBookSchema } from '../../domain/priceBook.ts';
import type { Queryable } from '../../store/database.ts';
import type { StoredPriceBook } from '../../store/priceBooks.ts';

/** The default prices, as they are stored. */
export const PRICES: StoredPriceBook = {
  version: 0,
  validFromMs: 0,
  book: priceBookSchema.parse(DEFAULT_PRICE_BOOK),
  setBy: 'default',
};

const carOf = (vehicleId: string) => ({ id: vehicleId, ownerId: `owner-of-${vehicleId}`, regionId: 'oslo' });

/** Work of a car in a shard, as acceptance books it. */
export function workBooking(work: {
  readonly vehicleId: string;
  readonly kwh: number;
  readonly reference: string;
  readonly atMs: number;
  readonly tenantId?: string;
  readonly units?: number;
}): Booking {
  const { vehicleId, kwh, reference, atMs, tenantId = 'default', units = 0 } = work;
  const { book } = PRICES;
  const terms = { model: 'ocr', priority: undefined, windowMs: 24 * 3_600_000 };
  const pricing = { book, tenantId, currency: 'EUR', capMicros: null, terms, unit: 'pages' as const, quorumAsked: 1 };
  return computeBooking(pricing, PRICES, {
    car: carOf(vehicleId),
    batchId: /^job\/([^/]+)/.exec(reference)?.[1] ?? '',
    reference,
    copy: 0,
    canaryShare: 0,
    energyWh: kwh * 1000,
    energyPriceMicros: undefined,
    streakNights: 0,
    units,
    offPeakShare: 0,
    chargedMicros: 0,
    stay: undefined,
    atMs,
  });
}

/** Hours of a stay, as its end books them. */
export function stayBooking(stay: {
  readonly vehicleId: string;
  readonly hours: number;
  readonly reference: string;
  readonly atMs: number;
}): Booking {
  return availabilityBooking(PRICES, {
    ...stay,
    stay: Number(stay.reference.split('/').at(-1)),
    car: carOf(stay.vehicleId),
  });
}

/** Starts a ledger anew, which only tests may: its own triggers refuse it. */
export async function emptyLedger(database: Queryable): Promise<void> {
  await database.query(`alter table ledger_entries disable trigger ledger_append_only;
    alter table ledger_bookings disable trigger ledger_append_only;
    truncate ledger_entries, ledger_bookings cascade;
    alter table ledger_entries enable trigger ledger_append_only;
    alter table ledger_bookings enable trigger ledger_append_only`);
}
