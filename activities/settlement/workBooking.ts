import { currencyOfRegion, exchanged, fromCurrency } from '../../domain/exchange.ts';
import { accounts, bookingKeys, marginRest, type Booking, type Entry } from '../../domain/ledger.ts';
import { sumMicros } from '../../domain/money.ts';
import { availabilityPay, computePay, type PayLine } from '../../domain/ownerPay.ts';
import { submitterPrice, type PricedWork } from '../../domain/submitterPrice.ts';
import { isCanary } from '../../domain/trust/canaries.ts';
import type { StoredPriceBook } from '../../store/priceBooks.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import type { BatchPricing } from './batchPricing.ts';

type PaidCar = Pick<Vehicle, 'id' | 'ownerId' | 'regionId'>;

/** One car's part in an accepted shard. */
export interface ComputeWork {
  readonly car: PaidCar;
  readonly batchId: string;
  /** job/<id>/shard/<n>. */
  readonly reference: string;
  /** 0, or of a quorum which of the copies it is. */
  readonly copy: number;
  /** What its owner is paid for, and the submitter pays but for the share of canaries. */
  readonly energyWh: number;
  readonly canaryShare: number;
  readonly units: number;
  readonly offPeakShare: number;
  /** Of a kWh at the owner's plug, in the book's currency; undefined where nobody knows it. */
  readonly energyPriceMicros: number | undefined;
  readonly streakNights: number;
  /** What the batch has cost so far, micro-units of its currency. */
  readonly chargedMicros: number;
  /** In which it was done; undefined where none is known. */
  readonly stay: number | undefined;
  /** Grid time. */
  readonly atMs: number;
}

/**
 * The submitter pays by the book of the submission, up to the cap; the owner gets by the book in force, in the currency
 * of the region; the rest is the operator's margin. Pure.
 */
export function computeBooking(pricing: BatchPricing, paying: StoredPriceBook, work: ComputeWork): Booking {
  const { car, batchId, reference, atMs } = work;
  const { book } = paying;
  const energyWh = work.energyWh * (1 - work.canaryShare);
  const priced: PricedWork = { ...work, energyWh, unit: pricing.unit };
  const isCopy = work.copy > 0;
  // Canaries are the operator's own, and so are copies that its policy wants: what cars are paid for them is what they cost.
  const isFree = isCanary(pricing.tenantId) || (isCopy && work.copy >= pricing.quorumAsked);
  const lines = isFree ? [] : submitterPrice(pricing.book, pricing.terms, priced);
  const price = lines.map((line): Entry => {
    const { unit, unitPriceMicros, quantityMillionths, amountMicros } = line;
    const entry = { account: accounts.tenant(pricing.tenantId), currency: book.currency };
    const item = isCopy ? 'check' : 'price';
    return { ...entry, item, amountMicros: -amountMicros, unit, unitPriceMicros, quantityMillionths };
  });
  const charged = price.flatMap((entry) => exchanged(pricing.book, entry, pricing.currency));
  const pay = computePay(book, work);
  const paid = pay.flatMap((line) => payEntries(paying, car, line));
  // What the car gets for canaries is a cost of checking, which the margin bears on a line of its own.
  const canaryMicros = Math.round(sumMicros(pay.map(({ amountMicros }) => amountMicros)) * work.canaryShare);
  const checking: Entry[] =
    canaryMicros === 0
      ? []
      : [{ account: accounts.margin, currency: book.currency, amountMicros: -canaryMicros, item: 'check' }];
  return {
    key: bookingKeys.compute(reference, car.id),
    kind: isCopy ? 'quorum' : 'compute',
    atMs,
    entries: withMargin(paying, [
      ...charged,
      ...discounted(pricing, charged, work.chargedMicros),
      ...paid,
      ...checking,
    ]),
    reference,
    vehicleId: car.id,
    ...(work.stay !== undefined && { stay: work.stay }),
    regionId: car.regionId,
    tenantId: pricing.tenantId,
    batchId,
    model: pricing.terms.model,
    priceBook: paying.version,
  };
}

/** A stay's hours, which the operator pays. Pure. */
export function availabilityBooking(
  paying: StoredPriceBook,
  ended: {
    readonly car: PaidCar;
    readonly stay: number;
    readonly reference: string;
    readonly hours: number;
    readonly atMs: number;
  },
): Booking {
  const { car, stay, reference, hours, atMs } = ended;
  return {
    key: bookingKeys.availability(reference, car.id),
    kind: 'availability',
    atMs,
    entries: withMargin(paying, payEntries(paying, car, availabilityPay(paying.book, hours))),
    reference,
    vehicleId: car.id,
    stay,
    regionId: car.regionId,
    priceBook: paying.version,
  };
}

/** What the price would be above the cap, given back on a line of its own. */
function discounted(
  { tenantId, currency, capMicros, book }: BatchPricing,
  charged: readonly Entry[],
  soFar: number,
): Entry[] {
  if (capMicros === null) return [];
  const account = accounts.tenant(tenantId);
  const due = -sumMicros(charged.filter((entry) => entry.account === account).map(({ amountMicros }) => amountMicros));
  const overMicros = Math.min(due, Math.max(0, soFar + due - capMicros));
  if (overMicros === 0) return [];
  const discount: Entry = { account, currency, amountMicros: overMicros, item: 'discount' };
  if (currency === book.currency) return [discount];
  // The exchange takes back its part too, so that the margin bears the discount in the book's currency.
  return [
    discount,
    { account: accounts.exchange, currency, amountMicros: -overMicros, item: 'exchange' },
    {
      account: accounts.exchange,
      currency: book.currency,
      amountMicros: fromCurrency(book, overMicros, currency),
      item: 'exchange',
    },
  ];
}

function payEntries({ book }: StoredPriceBook, { ownerId, regionId }: PaidCar, line: PayLine): Entry[] {
  const account = line.item === 'energy' ? accounts.energy(ownerId) : accounts.owner(ownerId);
  return exchanged(book, { ...line, currency: book.currency, account }, currencyOfRegion(book, regionId));
}

/** A booking has two sides, also where both are 0. */
function withMargin({ book: { currency } }: StoredPriceBook, entries: readonly Entry[]): Entry[] {
  const rest = marginRest(entries);
  const nothing = { account: accounts.margin, currency, amountMicros: 0, item: 'margin' as const };
  return [...entries, ...(rest.length > 0 ? rest : [nothing])];
}
