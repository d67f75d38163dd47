import {
  accounts,
  counterEntries,
  checkBalanced,
  type AccountKind,
  type Booking,
  type Entry,
} from '../domain/ledger.ts';
import { NightshiftError } from '../domain/errors.ts';
import { columns, instant, type Queryable } from './database.ts';

/** One entry as it was booked, with what its booking says. Instants are grid time. */
export interface LedgerLine extends Omit<Entry, 'quantityMillionths' | 'unit' | 'unitPriceMicros'> {
  readonly entryId: number;
  readonly bookingId: number;
  readonly key: string;
  readonly kind: Booking['kind'];
  readonly reference: string;
  readonly bookedAtMs: number;
  readonly vehicleId: string | null;
  readonly stay: number | null;
  readonly regionId: string | null;
  readonly tenantId: string | null;
  readonly batchId: string | null;
  readonly model: string | null;
  readonly corrects: string | null;
  readonly reason: string | null;
  readonly quantityMillionths: number | null;
  readonly unit: string | null;
  readonly unitPriceMicros: number | null;
}

const LINE = `e.entry_id as "entryId", b.booking_id as "bookingId", e.account, e.currency, e.amount_micros as "amountMicros", e.item,
  e.quantity_millionths as "quantityMillionths", e.unit, e.unit_price_micros as "unitPriceMicros", b.key, b.kind,
  b.reference, b.booked_at as "bookedAtMs", b.vehicle_id as "vehicleId", b.stay, b.region_id as "regionId",
  b.tenant_id as "tenantId", b.batch_id as "batchId", b.model, b.corrects, b.reason`;
const FROM = 'from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id';

/**
 * Books once for each key, all entries or none. PostgreSQL refuses at commit what does not balance.
 * @returns whether this call booked it; false when the key has been booked before
 * @throws NightshiftError `internal` when the entries do not balance
 */
export async function book(database: Queryable, booking: Booking): Promise<boolean> {
  checkBalanced(booking);
  return database.transaction(async (tx) => {
    const [made] = await tx.query<{ bookingId: number }>(
      `insert into ledger_bookings (key, kind, booked_at, reference, vehicle_id, region_id, tenant_id, batch_id, model,
         corrects, reason, price_book, stay)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       on conflict (key) do nothing returning booking_id as "bookingId"`,
      [
        booking.key,
        booking.kind,
        instant(booking.atMs),
        booking.reference,
        booking.vehicleId ?? null,
        booking.regionId ?? null,
        booking.tenantId ?? null,
        booking.batchId ?? null,
        booking.model ?? null,
        booking.corrects ?? null,
        booking.reason ?? null,
        booking.priceBook ?? null,
        booking.stay ?? null,
      ],
    );
    if (!made) return false;
    await tx.query(
      `insert into ledger_entries (booking_id, account, currency, amount_micros, item, quantity_millionths, unit,
         unit_price_micros)
       select $1, t.* from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::bigint[]) as t`,
      [
        made.bookingId,
        ...columns(
          booking.entries,
          (entry) => entry.account,
          (entry) => entry.currency,
          (entry) => entry.amountMicros,
          (entry) => entry.item,
          (entry) => entry.quantityMillionths ?? null,
          (entry) => entry.unit ?? null,
          (entry) => entry.unitPriceMicros ?? null,
        ),
      ],
    );
    return true;
  });
}

/** What is taken back of a booking, and why. */
export interface Correction {
  /** Of the booking that was wrong. */
  readonly corrects: string;
  /** Names what was found out: whoever says it again corrects nothing. */
  readonly key: string;
  /** Share of what stands that stays: 0 takes all of it back. */
  readonly keep: number;
  /** `all`: the submitter gets the price back; `pay`: the price stays, the owner loses and the margin gains. */
  readonly of: 'all' | 'pay';
  /** In words that owner and submitter read. */
  readonly reason: string;
  /** Grid time. */
  readonly atMs: number;
}

/**
 * Takes a booking back, in part or whole, by a counter-booking. What earlier corrections have taken back is not taken
 * back again: the share is of what still stands.
 * @returns whether this call booked it; false when it was before, or nothing stands any more
 * @throws NightshiftError `not_found` for a booking that is not there
 */
export async function correctBooking(database: Queryable, correction: Correction): Promise<boolean> {
  const { corrects, key, keep, of, reason, atMs } = correction;
  return database.transaction(async (tx) => {
    // Two corrections of one booking take turns: the second takes its share of what the first has left.
    await tx.query(`select pg_advisory_xact_lock(hashtext('ledger'), hashtext($1))`, [corrects]);
    const standing = await readStanding(tx, corrects);
    const [first] = standing;
    if (!first) throw new NightshiftError('not_found', `There is no booking "${corrects}".`, { field: 'corrects' });
    const entries = counterEntries(standing.map(entryOf), keep, of);
    if (entries.length < 2) return false;
    const { reference, vehicleId, stay, regionId, tenantId, batchId, model } = first;
    return book(tx, {
      key,
      kind: 'correction',
      atMs,
      entries,
      reference,
      corrects,
      reason,
      ...(vehicleId !== null && { vehicleId }),
      ...(stay !== null && { stay }),
      ...(regionId !== null && { regionId }),
      ...(tenantId !== null && { tenantId }),
      ...(batchId !== null && { batchId }),
      ...(model !== null && { model }),
    });
  });
}

/** A booking's entries with those of all its corrections; none when it is not there. */
export async function readStanding(database: Queryable, key: string): Promise<LedgerLine[]> {
  return database.query<LedgerLine>(`select ${LINE} ${FROM} where b.key = $1 or b.corrects = $1 order by e.entry_id`, [
    key,
  ]);
}

function entryOf(line: LedgerLine): Entry {
  const { account, currency, amountMicros, item, quantityMillionths, unit, unitPriceMicros } = line;
  return {
    account,
    currency,
    amountMicros,
    item,
    ...(quantityMillionths !== null && { quantityMillionths }),
    ...(unit !== null && { unit }),
    ...(unitPriceMicros !== null && { unitPriceMicros }),
  };
}

/** What an account has to get, by currency. */
export async function readBalance(database: Queryable, account: string): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ currency: string; micros: number }>(
    `select currency, sum(amount_micros) as micros from ledger_entries where account = $1 group by currency`,
    [account],
  );
  return new Map(rows.map(({ currency, micros }) => [currency, micros]));
}

/** What an owner gets for one car, energy included: entries booked in the half-open grid time, oldest first. */
export async function listCarLines(
  database: Queryable,
  vehicleId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<LedgerLine[]> {
  return database.query<LedgerLine>(
    `select ${LINE} ${FROM}
     where b.vehicle_id = $1 and b.booked_at >= $2 and b.booked_at < $3 and ${IS_PAY} order by e.entry_id`,
    [vehicleId, instant(window.startMs), instant(window.endMs)],
  );
}

/** What an owner gets for one stay, whenever it was booked; corrections included. */
export async function listStayLines(database: Queryable, vehicleId: string, stay: number): Promise<LedgerLine[]> {
  return database.query<LedgerLine>(
    `select ${LINE} ${FROM} where b.vehicle_id = $1 and b.stay = $2 and ${IS_PAY} order by e.entry_id`,
    [vehicleId, stay],
  );
}

/** The key of a booking by its id, or undefined. */
export async function bookingKeyOf(database: Queryable, bookingId: number): Promise<string | undefined> {
  const [row] = await database.query<{ key: string }>('select key from ledger_bookings where booking_id = $1', [
    bookingId,
  ]);
  return row?.key;
}

/** What was booked on a tenant's account, newest first: of one batch, or of all. */
export async function listTenantLines(
  database: Queryable,
  tenantId: string,
  asked: { readonly batchId: string | undefined; readonly beforeEntry: number | undefined; readonly limit: number },
): Promise<LedgerLine[]> {
  return database.query<LedgerLine>(
    `select ${LINE} ${FROM} where e.account = $1 and ($2::text is null or b.batch_id = $2)
       and ($3::bigint is null or e.entry_id < $3) order by e.entry_id desc limit $4`,
    [accounts.tenant(tenantId), asked.batchId ?? null, asked.beforeEntry ?? null, asked.limit],
  );
}

/** All that was booked on an owner's accounts in the half-open grid time, payouts included; oldest first. */
export async function listOwnerLines(
  database: Queryable,
  ownerId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<LedgerLine[]> {
  return database.query<LedgerLine>(
    `select ${LINE} ${FROM} where e.account = any($1) and b.booked_at >= $2 and b.booked_at < $3 order by e.entry_id`,
    [[accounts.owner(ownerId), accounts.energy(ownerId)], instant(window.startMs), instant(window.endMs)],
  );
}

const IS_PAY = `(e.account like 'owner/%' or e.account like 'energy/%')`;

/** What an owner got for one car in one currency, energy included. */
export interface CarPay {
  readonly currency: string;
  readonly totalMicros: number;
  /** Of it, booked since the instant that was asked for. */
  readonly sinceMicros: number;
}

/** @param sinceMs grid time */
export async function readCarPay(database: Queryable, vehicleId: string, sinceMs: number): Promise<CarPay[]> {
  return database.query<CarPay>(
    `select e.currency, sum(e.amount_micros) as "totalMicros",
       coalesce(sum(e.amount_micros) filter (where b.booked_at >= $2), 0) as "sinceMicros" ${FROM}
     where b.vehicle_id = $1 and ${IS_PAY} group by e.currency order by e.currency`,
    [vehicleId, instant(sinceMs)],
  );
}

/** What accounts of one kind got from one car's bookings. */
export interface CarAmount {
  readonly vehicleId: string;
  readonly kind: AccountKind;
  readonly currency: string;
  readonly amountMicros: number;
}

/**
 * What a batch and the cell's stays have brought, by car and kind of account. Whole bookings: in sum 0, so that what
 * submitters paid is what all others got.
 */
export async function listCarAmounts(
  database: Queryable,
  { batchId, cellId }: { readonly batchId: string; readonly cellId: string },
): Promise<CarAmount[]> {
  return database.query<CarAmount>(
    `select b.vehicle_id as "vehicleId", split_part(e.account, '/', 1) as kind, e.currency,
       sum(e.amount_micros) as "amountMicros" ${FROM}
     where b.vehicle_id is not null and (b.batch_id = $1 or b.reference in (
       select 'session/' || p.vehicle_id || '/' || p.stay from parking_sessions p
         join vehicles v on v.id = p.vehicle_id join regions r on r.id = v.region_id where r.cell_id = $2))
     group by 1, 2, 3 order by 1, 2, 3`,
    [batchId, cellId],
  );
}
