import type { Queryable } from './database.ts';

/**
 * Takes or renews a lease by the database's clock. It is free when it has run out, and a holder that comes back under its
 * name has it at once.
 * @returns whether `holder` has it now
 */
export async function takeLease(
  database: Queryable,
  lease: { readonly name: string; readonly holder: string; readonly forRealMs: number },
): Promise<boolean> {
  const rows = await database.query(
    `insert into leases (name, holder, until_real_at) values ($1, $2, now() + $3 * interval '1 millisecond')
     on conflict (name) do update set holder = excluded.holder, until_real_at = excluded.until_real_at
       where leases.holder = excluded.holder or leases.until_real_at < now() returning 1`,
    [lease.name, lease.holder, lease.forRealMs],
  );
  return rows.length > 0;
}

/** Leaves it to the next one at once. */
export async function leaveLease(
  database: Queryable,
  { name, holder }: { readonly name: string; readonly holder: string },
): Promise<void> {
  await database.query('delete from leases where name = $1 and holder = $2', [name, holder]);
}
