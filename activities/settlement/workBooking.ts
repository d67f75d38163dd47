import { accounts, bookingKeys, marginRest, type Booking, type Entry } from '../../domain/ledger.ts';
import { availabilityPay, computePay, type PayLine } from '../../domain/ownerPay.ts';
import type { PriceBook } from '../../domain/priceBook.ts';
import { submitterPrice, type PricedWork, type PriceTerms } from '../../domain/submitterPrice.ts';
import type { Vehicle } from '../../store/vehicles.ts';

type PaidCar = Pick<Vehicle, 'id' | 'ownerId' | 'regionId'>;

/** One car's part in an accepted shard. */
export interface ComputeWork extends Omit<PricedWork, 'energyWh'> {
  readonly car: PaidCar;
  readonly tenantId: string;
  readonly batchId: string;
  /** job/<id>/shard/<n>. */
  readonly reference: string;
  /** What its owner is paid for, and the submitter pays. */
  readonly energyWh: number;
  readonly energyPriceMicros: number | undefined;
  readonly streakNights: number;
  readonly terms: PriceTerms;
  /** Grid time. */
  readonly atMs: number;
}

/** The submitter pays, the owner gets, and the rest is the operator's margin. Pure. */
export function computeBooking(book: PriceBook, work: ComputeWork): Booking {
  const { car, tenantId, batchId, reference, terms, atMs } = work;
  const price = submitterPrice(book, terms, work).map((line): Entry => {
    const { unit, unitPriceMicros, quantityMillionths, amountMicros } = line;
    const entry = { account: accounts.tenant(tenantId), currency: book.currency, item: 'price' as const };
    return { ...entry, amountMicros: -amountMicros, unit, unitPriceMicros, quantityMillionths };
  });
  const paid = computePay(book, work).map((line) => payEntry(book, car, line));
  return {
    key: bookingKeys.compute(reference, car.id),
    kind: 'compute',
    atMs,
    entries: withMargin(book, [...price, ...paid]),
    reference,
    vehicleId: car.id,
    regionId: car.regionId,
    tenantId,
    batchId,
    model: terms.model,
  };
}

/** A stay's hours, which the operator pays. Pure. */
export function availabilityBooking(
  book: PriceBook,
  stay: { readonly car: PaidCar; readonly reference: string; readonly hours: number; readonly atMs: number },
): Booking {
  const { car, reference, hours, atMs } = stay;
  return {
    key: bookingKeys.availability(reference, car.id),
    kind: 'availability',
    atMs,
    entries: withMargin(book, [payEntry(book, car, availabilityPay(book, hours))]),
    reference,
    vehicleId: car.id,
    regionId: car.regionId,
  };
}

function payEntry({ currency }: PriceBook, { ownerId }: PaidCar, line: PayLine): Entry {
  return { ...line, currency, account: line.item === 'energy' ? accounts.energy(ownerId) : accounts.owner(ownerId) };
}

/** A booking has two sides, also where both are 0. */
function withMargin({ currency }: PriceBook, entries: readonly Entry[]): Entry[] {
  const rest = marginRest(entries);
  const nothing = { account: accounts.margin, currency, amountMicros: 0, item: 'margin' as const };
  return [...entries, ...(rest.length > 0 ? rest : [nothing])];
}
