import { accounts } from '../domain/ledger.ts';
import { instant, type Queryable } from './database.ts';

/** What a tenant was charged for one batch, by item and unit; amounts as the ledger has them, below 0 what it owes. */
export interface ChargedLine {
  readonly batchId: string | null;
  readonly model: string | null;
  readonly item: string;
  readonly unit: string | null;
  readonly currency: string;
  readonly quantityMillionths: number | null;
  readonly amountMicros: number;
  readonly isCorrection: boolean;
}

/**
 * Charges and corrections of the half-open grid time; deposits are none. What a dispute holds back is left out while it is
 * open, and counts when it is decided.
 */
export async function listCharges(
  database: Queryable,
  tenantId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<ChargedLine[]> {
  return database.query<ChargedLine>(
    `select b.batch_id as "batchId", b.model, e.item, e.unit, e.currency,
       sum(e.quantity_millionths) as "quantityMillionths", sum(e.amount_micros) as "amountMicros",
       b.corrects is not null as "isCorrection"
     from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
       left join lateral (
         select max(coalesce(d.resolved_at, 'infinity')) as until from disputes d
         where d.booking_key in (b.key, b.corrects) and d.opened_by = e.account and not d.was_billed) held on true
     where e.account = $1 and b.kind <> 'deposit'
       and greatest(b.booked_at, held.until) >= $2 and greatest(b.booked_at, held.until) < $3
     group by b.batch_id, b.model, e.item, e.unit, e.currency, b.corrects is not null
     order by e.currency, b.batch_id, e.item, e.unit`,
    [accounts.tenant(tenantId), instant(window.startMs), instant(window.endMs)],
  );
}

/** Costs by day of UTC, model and currency. */
export async function listDailyCosts(
  database: Queryable,
  tenantId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<
  { readonly dayMs: number; readonly model: string | null; readonly currency: string; readonly micros: number }[]
> {
  return database.query(
    `select date_trunc('day', b.booked_at, 'UTC') as "dayMs", b.model, e.currency, -sum(e.amount_micros) as micros
     from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
     where e.account = $1 and b.kind <> 'deposit' and b.booked_at >= $2 and b.booked_at < $3
     group by 1, 2, 3 order by 1, 2, 3`,
    [accounts.tenant(tenantId), instant(window.startMs), instant(window.endMs)],
  );
}

export async function listTenantsCharged(
  database: Queryable,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<string[]> {
  const rows = await database.query<{ tenantId: string }>(
    `select distinct substring(e.account from '/(.*)$') as "tenantId"
     from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
     where e.account like 'tenant/%' and b.kind <> 'deposit' and b.booked_at >= $1 and b.booked_at < $2
     union select substring(opened_by from '/(.*)$') from disputes
     where opened_by like 'tenant/%' and resolved_at >= $1 and resolved_at < $2 order by 1`,
    [instant(window.startMs), instant(window.endMs)],
  );
  return rows.map(({ tenantId }) => tenantId);
}

export interface StoredInvoice {
  readonly number: number;
  readonly tenantId: string;
  readonly period: string;
  readonly currency: string;
  readonly body: unknown;
  readonly issuedRealMs: number;
}

const COLUMNS = `number, tenant_id as "tenantId", period, currency, body, issued_real_at as "issuedRealMs"`;

/** Keeps the first. */
export async function insertInvoice(
  database: Queryable,
  invoice: Pick<StoredInvoice, 'tenantId' | 'period' | 'currency' | 'body'>,
): Promise<void> {
  await database.query(
    `insert into invoices (tenant_id, period, currency, body)
     select $1::text, $2::text, $3::text, $4::jsonb where not exists (
       select 1 from invoices where tenant_id = $1 and period = $2 and currency = $3)
     on conflict do nothing`,
    [invoice.tenantId, invoice.period, invoice.currency, JSON.stringify(invoice.body)],
  );
}

/** Of one tenant, or of all. */
export async function listInvoices(database: Queryable, tenantId: string | undefined): Promise<StoredInvoice[]> {
  return database.query<StoredInvoice>(
    `select ${COLUMNS} from invoices where $1::text is null or tenant_id = $1 order by number desc`,
    [tenantId ?? null],
  );
}

export async function setBillingProfile(database: Queryable, holder: string, profile: unknown): Promise<void> {
  await database.query(
    `insert into billing_profiles (holder, profile) values ($1, $2)
     on conflict (holder) do update set profile = excluded.profile`,
    [holder, JSON.stringify(profile)],
  );
}

/** Undefined where none was set. */
export async function readBillingProfile(database: Queryable, holder: string): Promise<unknown> {
  const [row] = await database.query<{ profile: unknown }>('select profile from billing_profiles where holder = $1', [
    holder,
  ]);
  return row?.profile;
}
