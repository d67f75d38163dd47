import { bankAccountSchema, type BankAccount } from '../domain/bankAccount.ts';
import type { Queryable } from './database.ts';
import type { Seal } from './seal.ts';

/** Holders of bank accounts. */
export const bankHolders = {
  owner: (ownerId: string): string => `owner/${ownerId}`,
  operator: (currency: string): string => `operator/${currency}`,
} as const;

/** Keeps an account, sealed; only the last four characters of its IBAN are readable in the database. */
export async function setBankAccount(
  database: Queryable,
  seal: Seal,
  holder: string,
  account: BankAccount,
): Promise<void> {
  await database.query(
    `insert into bank_accounts (holder, sealed, shown) values ($1, $2, $3)
     on conflict (holder) do update set sealed = excluded.sealed, shown = excluded.shown, updated_real_at = now()`,
    [holder, seal.seal(JSON.stringify(account), placeOfBankAccount(holder)), account.iban.slice(-4)],
  );
}

/** By holder; those without an account are absent. @throws NightshiftError `invalid_config` when sealed with another key */
export async function readBankAccounts(
  database: Queryable,
  seal: Seal,
  holders: readonly string[],
): Promise<ReadonlyMap<string, BankAccount>> {
  const rows = await database.query<{ holder: string; sealed: string }>(
    'select holder, sealed from bank_accounts where holder = any($1)',
    [holders],
  );
  return new Map(
    rows.map(({ holder, sealed }) => [
      holder,
      bankAccountSchema.parse(JSON.parse(seal.open(sealed, placeOfBankAccount(holder)))),
    ]),
  );
}

/** Sealed values cannot be moved from one holder to another. */
export function placeOfBankAccount(holder: string): string {
  return `bank_accounts/${holder}`;
}
