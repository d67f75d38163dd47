import { only, type Queryable } from './database.ts';

export interface Tenant {
  readonly id: string;
  /** Share of the cars that are contended for, against the weights of others. */
  readonly weight: number;
  /** Null: no quota. */
  readonly maxOpenBatches: number | null;
  readonly maxStoredBytes: number | null;
  /** That it is charged in; null: the price book's. */
  readonly currency: string | null;
  /** How far its balance may fall below 0, micro-units of its currency; null: as far as it likes. */
  readonly creditLimitMicros: number | null;
}

export async function upsertTenant(database: Queryable, tenant: Tenant): Promise<void> {
  await database.query(
    `insert into tenants (id, weight, max_open_batches, max_stored_bytes, currency, credit_limit_micros)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do update set weight = excluded.weight, max_open_batches = excluded.max_open_batches,
       max_stored_bytes = excluded.max_stored_bytes, currency = excluded.currency,
       credit_limit_micros = excluded.credit_limit_micros`,
    [tenant.id, tenant.weight, tenant.maxOpenBatches, tenant.maxStoredBytes, tenant.currency, tenant.creditLimitMicros],
  );
}

/** The tenant's terms; one that is not listed has weight 1 and no quota. */
export async function readTenant(database: Queryable, id: string): Promise<Tenant> {
  const [tenant] = await database.query<Tenant>(
    `select id, weight, max_open_batches as "maxOpenBatches", max_stored_bytes as "maxStoredBytes",
       currency, credit_limit_micros as "creditLimitMicros"
     from tenants where id = $1`,
    [id],
  );
  return (
    tenant ?? { id, weight: 1, maxOpenBatches: null, maxStoredBytes: null, currency: null, creditLimitMicros: null }
  );
}

/** What the tenant has of what quotas are for. */
export async function readTenantUse(
  database: Queryable,
  id: string,
): Promise<{ readonly openBatches: number; readonly storedBytes: number }> {
  return only(
    await database.query(
      `select (select count(*) from batches where tenant_id = $1
           and status not in ('failed', 'completed', 'expired', 'cancelled')) as "openBatches",
         (select coalesce(sum(bytes), 0) from files where tenant_id = $1
           and (expires_real_at is null or expires_real_at > now())) as "storedBytes"`,
      [id],
    ),
  );
}
