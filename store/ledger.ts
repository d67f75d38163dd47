import { instant, type Queryable } from './database.ts';

/** One payment to an owner. */
export interface LedgerEntry {
  readonly ownerId: string;
  readonly vehicleId: string;
  readonly kind: 'compute' | 'availability';
  /** What is paid for: job/<id>/shard/<n> or session/<vehicle>/<n>. */
  readonly reference: string;
  readonly quantity: number;
  readonly unit: string;
  readonly amountEur: number;
  /** Grid time. */
  readonly bookedAtMs: number;
}

const COLUMNS = `owner_id as "ownerId", vehicle_id as "vehicleId", kind, reference, quantity, unit,
  amount_eur as "amountEur", booked_at as "bookedAtMs"`;

/** Books once for each (kind, reference, vehicle). @returns whether this call booked it. */
export async function bookLedgerEntry(database: Queryable, entry: LedgerEntry): Promise<boolean> {
  const rows = await database.query(
    `insert into ledger (owner_id, vehicle_id, kind, reference, quantity, unit, amount_eur, booked_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (kind, reference, vehicle_id) do nothing returning entry_id`,
    [
      entry.ownerId,
      entry.vehicleId,
      entry.kind,
      entry.reference,
      entry.quantity,
      entry.unit,
      entry.amountEur,
      instant(entry.bookedAtMs),
    ],
  );
  return rows.length > 0;
}

/** Entries of one car booked in the half-open grid time [startMs, endMs), oldest first. */
export async function listLedgerEntries(
  database: Queryable,
  vehicleId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<LedgerEntry[]> {
  return database.query<LedgerEntry>(
    `select ${COLUMNS} from ledger where vehicle_id = $1 and booked_at >= $2 and booked_at < $3 order by entry_id`,
    [vehicleId, instant(window.startMs), instant(window.endMs)],
  );
}

export interface OwnerBalance {
  readonly ownerId: string;
  readonly vehicleId: string;
  readonly amountEur: number;
}

/** What each car of the cell has earned, also those that earned nothing. */
export async function listBalances(database: Queryable, cellId: string): Promise<OwnerBalance[]> {
  return database.query<OwnerBalance>(
    `select v.owner_id as "ownerId", v.id as "vehicleId", coalesce(sum(l.amount_eur), 0) as "amountEur"
     from vehicles v join regions r on r.id = v.region_id left join ledger l on l.vehicle_id = v.id
     where r.cell_id = $1 group by v.id order by v.id`,
    [cellId],
  );
}
