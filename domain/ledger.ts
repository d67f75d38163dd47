import { NightshiftError } from './errors.ts';
import { scaled } from './money.ts';

/**
 * Accounts of the ledger. An amount above 0 is money that the holder has to get, one below 0 money that the holder has
 * spent or owes; all accounts of a currency together are 0. So what submitters paid is what owners, energy, checking and
 * margin have together.
 */
export const accounts = {
  /** A submitter: deposits less what the work cost. */
  tenant: (tenantId: string): string => `tenant/${tenantId}`,
  /** An owner's pay for work, wear, availability and streaks. */
  owner: (ownerId: string): string => `owner/${ownerId}`,
  /** What the energy of that owner's plug cost; it is paid out together with the pay. */
  energy: (ownerId: string): string => `energy/${ownerId}`,
  /** What checking answers cost. */
  checking: 'checking',
  /** What is left to the operator. */
  margin: 'margin',
  /** Payouts that are ordered and not yet confirmed. */
  clearing: 'clearing',
  /** The operator's bank account, seen from here: payments in make it fall, payments out make it rise. */
  bank: 'bank',
  /** Stands between two currencies of one booking. */
  exchange: 'exchange',
} as const;

export type AccountKind = keyof typeof accounts;

/** What an entry is for, as statements and invoices name it. */
export type EntryItem =
  | 'price'
  | 'discount'
  | 'energy'
  | 'wear'
  | 'work'
  | 'streak'
  | 'availability'
  | 'check'
  | 'margin'
  | 'deposit'
  | 'payout'
  | 'exchange'
  | 'adjustment';

/** One side of a booking. */
export interface Entry {
  readonly account: string;
  readonly currency: string;
  readonly amountMicros: number;
  readonly item: EntryItem;
  /** How much of `unit` it is for, in millionths. */
  readonly quantityMillionths?: number;
  readonly unit?: string;
  /** Of one `unit`. */
  readonly unitPriceMicros?: number;
}

export type BookingKind =
  | 'compute'
  /** As `compute`, of a copy that another car computes too, for a quorum. */
  | 'quorum'
  | 'live'
  | 'availability'
  | 'check'
  | 'correction'
  | 'adjustment'
  | 'deposit'
  | 'payout'
  | 'payout_paid'
  | 'payout_returned';

/** What belongs together: entries that are 0 in sum, booked at once or not at all. */
export interface Booking {
  /** Names what happened, not who says so: whoever says it again books nothing. */
  readonly key: string;
  readonly kind: BookingKind;
  /** Grid time. */
  readonly atMs: number;
  readonly entries: readonly Entry[];
  /** What it is about: job/<id>/shard/<n>, session/<vehicle>/<n>, payout/<id>. */
  readonly reference: string;
  readonly vehicleId?: string;
  /** Of the car, in which the work was done. */
  readonly stay?: number;
  readonly regionId?: string;
  readonly tenantId?: string;
  readonly batchId?: string;
  readonly model?: string;
  /** Version by which owners are paid. */
  readonly priceBook?: number;
  /** Key of the booking that this one takes back in part or whole. */
  readonly corrects?: string;
  /** Why, in words that both sides read. */
  readonly reason?: string;
}

/** Keys of bookings that more than one module names. */
export const bookingKeys = {
  /** One car's part in an accepted shard. */
  compute: (reference: string, vehicleId: string): string => `compute/${reference}/${vehicleId}`,
  /** A look at what one car has answered of a shard. */
  check: (reference: string, vehicleId: string, shareSha256: string): string =>
    `check/${reference}/${vehicleId}/${shareSha256.slice(0, 16)}`,
  /** A stay's hours at the plug. */
  availability: (reference: string, vehicleId: string): string => `availability/${reference}/${vehicleId}`,
} as const;

/** How people name a booking: short, and of no car. */
export function bookingName(bookingId: number): string {
  return `B${bookingId}`;
}

/** The id in a name that `bookingName` gave; undefined for any other text. */
export function bookingIdOf(name: string): number | undefined {
  const digits = /^B(\d{1,15})$/i.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function accountKindOf(account: string): AccountKind | undefined {
  const [kind = ''] = account.split('/');
  return isAccountKind(kind) ? kind : undefined;
}

/** Whether an account is the party's: an owner has one for pay and one for energy. */
export function isOf(account: string, party: string): boolean {
  return account === party || (party.startsWith('owner/') && account === accounts.energy(party.slice('owner/'.length)));
}

function isAccountKind(kind: string): kind is AccountKind {
  return Object.hasOwn(accounts, kind);
}

/** Sums by currency that are not 0; none for a balanced booking. */
export function imbalanceOf(entries: readonly Pick<Entry, 'currency' | 'amountMicros'>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { currency, amountMicros } of entries) sums.set(currency, (sums.get(currency) ?? 0) + amountMicros);
  return new Map([...sums].filter(([, sum]) => sum !== 0));
}

/** @throws NightshiftError `internal` when the entries of a currency are not 0 in sum: it is ours to book what balances */
export function checkBalanced({ key, entries }: Pick<Booking, 'key' | 'entries'>): void {
  const [first] = imbalanceOf(entries);
  if (!first && entries.length > 1) return;
  const why = first ? `is off by ${first[1]} micro-units of ${first[0]}` : 'has fewer than two entries';
  throw new NightshiftError('internal', `Booking ${key} ${why}.`);
}

/** Accounts whose holders are paid for what a booking is about. */
const PAID: readonly (AccountKind | undefined)[] = ['owner', 'energy'];

/**
 * What stands of each account and item of a booking, taken back down to a share of it.
 * @param standing the booking's entries and those of all its corrections
 * @param keep share from 0 (all is taken back) to 1 (nothing)
 * @param of `all` takes back the price from the submitter's side too; `pay` leaves the price, and the operator's margin
 *   gets what the owner loses
 * @returns balanced entries; none when nothing is to be taken back
 */
export function counterEntries(standing: readonly Entry[], keep: number, of: 'all' | 'pay'): Entry[] {
  const sums = new Map<string, Entry>();
  for (const entry of standing) {
    const name = `${entry.account} ${entry.currency} ${entry.item} ${entry.unit ?? ''}`;
    const known = sums.get(name);
    const quantity = (known?.quantityMillionths ?? 0) + (entry.quantityMillionths ?? 0);
    sums.set(name, {
      ...(known ?? entry),
      amountMicros: (known?.amountMicros ?? 0) + entry.amountMicros,
      ...(entry.quantityMillionths !== undefined && { quantityMillionths: quantity }),
    });
  }
  const counters = [...sums.values()]
    .filter(({ account }) => accountKindOf(account) !== 'margin')
    .filter(({ account }) => of === 'all' || PAID.includes(accountKindOf(account)))
    .map((entry) => ({
      ...entry,
      amountMicros: scaled(entry.amountMicros, keep) - entry.amountMicros,
      ...(entry.quantityMillionths !== undefined && {
        quantityMillionths: scaled(entry.quantityMillionths, keep) - entry.quantityMillionths,
      }),
    }))
    .filter(({ amountMicros, quantityMillionths = 0 }) => amountMicros !== 0 || quantityMillionths !== 0);
  // The margin takes the rest of every currency, and with it the last micro-unit of rounding.
  return [...counters, ...marginRest(counters)];
}

/** What makes entries balanced at the operator's expense, or for the operator's gain. */
export function marginRest(entries: readonly Entry[]): Entry[] {
  return [...imbalanceOf(entries)].map(([currency, sum]) => ({
    account: accounts.margin,
    currency,
    amountMicros: -sum,
    item: 'margin' as const,
  }));
}
