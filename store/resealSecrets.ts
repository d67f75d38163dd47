import { NightshiftError } from '../domain/errors.ts';
import type { Queryable } from './database.ts';
import { placeOfBankAccount } from './bankAccounts.ts';
import type { Seal } from './seal.ts';
import { placeOfTeslaAccount } from './teslaCars.ts';
import { openWebhookSecret } from './webhookEndpoints.ts';

/** What became of one table's secrets. */
export interface ResealedSecrets {
  readonly table: string;
  readonly resealed: number;
  /** Ids of the rows that none of the keys opens; they are left as they are. */
  readonly unreadable: readonly string[];
}

interface SealedColumn {
  readonly table: string;
  readonly id: string;
  readonly column: string;
  readonly placeOf: (id: string) => string;
  readonly open?: (seal: Seal, id: string, sealed: string) => string;
}

/** Every column that holds something sealed. A new one that is missing here would be lost with its key. */
const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'openadr_connections', id: 'id', column: 'sealed', placeOf: (id) => id },
  {
    table: 'webhook_endpoints',
    id: 'id',
    column: 'secret',
    placeOf: (id) => id,
    open: (seal, id, sealedSecret) => openWebhookSecret(seal, { id, sealedSecret }),
  },
  { table: 'tesla_accounts', id: 'id', column: 'sealed', placeOf: placeOfTeslaAccount },
  { table: 'bank_accounts', id: 'holder', column: 'sealed', placeOf: placeOfBankAccount },
];

/**
 * Seals every secret of the database anew, with the first of the seal's keys. It may run beside a cell, and twice: a
 * secret that changes meanwhile was sealed with the present key by whoever changed it, and is left.
 * @throws NightshiftError `invalid_config` for a database that no cell has used
 */
export async function resealSecrets(database: Queryable, seal: Seal): Promise<readonly ResealedSecrets[]> {
  const [used] = await database.query(`select 1 where to_regclass('bank_accounts') is not null`);
  if (!used) {
    const message = 'databaseUrl: no cell has used this database yet. Name that of the cell (DATABASE_URL).';
    throw new NightshiftError('invalid_config', message, { field: 'databaseUrl' });
  }
  const results = [];
  for (const sealed of SEALED_COLUMNS) results.push(await resealColumn(database, seal, sealed));
  return results;
}

async function resealColumn(
  database: Queryable,
  seal: Seal,
  { table, id, column, placeOf, open = (from, of, sealed) => from.open(sealed, placeOf(of)) }: SealedColumn,
): Promise<ResealedSecrets> {
  const rows = await database.query<{ id: string; sealed: string }>(
    `select ${id} as id, ${column} as sealed from ${table} order by ${id}`,
  );
  const unreadable = [];
  let resealed = 0;
  for (const row of rows) {
    let plain;
    try {
      plain = open(seal, row.id, row.sealed);
    } catch {
      unreadable.push(row.id);
      continue;
    }
    await database.query(`update ${table} set ${column} = $3 where ${id} = $1 and ${column} = $2`, [
      row.id,
      row.sealed,
      seal.seal(plain, placeOf(row.id)),
    ]);
    resealed += 1;
  }
  return { table, resealed, unreadable };
}
