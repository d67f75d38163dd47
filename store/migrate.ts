import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

import { NightshiftError } from '../domain/errors.ts';
import type { Database, Queryable } from './database.ts';
import { messageOf } from '../domain/thrown.ts';
import { onlyAdds } from './migrationWindow.ts';

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Beside this module, in the sources as in the built code (the build copies the .sql files). */
const MIGRATIONS_FOLDER = new URL('./migrations/', import.meta.url);

const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;
// Any constant will do: it only has to be the same in every process that migrates.
const MIGRATION_LOCK = 4_711_001;

/**
 * Brings the schema up to date: runs every file `NNNN_name.sql` that has not run yet, in order, all of them in one
 * transaction. Processes that start together wait for each other.
 * @param options.names the files that are to run, to get the schema of an earlier release; all unless given
 * @returns the names of the files that ran.
 * Files of a later release that have run are no matter when they only added: so a process of this release may be started
 * again while the next one takes over, and after it was given up.
 * @throws NightshiftError `conflict` when a file that has run was changed, or is gone and did more than add
 */
export async function migrate(
  database: Database,
  { folder = MIGRATIONS_FOLDER, names }: { readonly folder?: URL; readonly names?: readonly string[] } = {},
): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return database.transaction(async (tx) => {
    // Waiting for another process that migrates, or a new index on a large table, may take longer than any other query.
    await tx.query('set local statement_timeout = 0');
    await tx.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await tx.query(`create table if not exists schema_migrations (
      name text primary key, checksum text not null, ran_real_at timestamptz not null default now())`);
    await tx.query('alter table schema_migrations add column if not exists only_adds boolean not null default false');
    const pending = (await pendingMigrations(tx, migrations)).filter(({ name }) => names?.includes(name) ?? true);
    for (const { name, sql, checksum } of pending) {
      await runFile(tx, name, sql);
      await tx.query('insert into schema_migrations (name, checksum, only_adds) values ($1, $2, $3)', [
        name,
        checksum,
        onlyAdds(sql),
      ]);
    }
    return pending.map(({ name }) => name);
  });
}

/** Names of all files that this release has, in order. */
export async function listMigrations(): Promise<string[]> {
  return (await readMigrations(MIGRATIONS_FOLDER)).map(({ name }) => name);
}

/** The files that have not run on this database, each with whether it only adds. @throws NightshiftError like `migrate` */
export async function describePending(database: Database): Promise<{ name: string; onlyAdds: boolean }[]> {
  const pending = await pendingMigrations(database, await readMigrations(MIGRATIONS_FOLDER));
  return pending.map(({ name, sql }) => ({ name, onlyAdds: onlyAdds(sql) }));
}

/** Names of the files that have not run on this database, in order. @throws NightshiftError like `migrate` */
export async function listPendingMigrations(database: Database, folder: URL = MIGRATIONS_FOLDER): Promise<string[]> {
  return (await pendingMigrations(database, await readMigrations(folder))).map(({ name }) => name);
}

async function pendingMigrations(tx: Queryable, migrations: readonly Migration[]): Promise<Migration[]> {
  // A later release's rows have the column; those of releases before it was there are files that we have.
  const ran = await tx.query<{ name: string; checksum: string; onlyAdds: boolean }>(
    `select name, checksum, coalesce((to_jsonb(m)->>'only_adds')::boolean, false) as "onlyAdds" from schema_migrations m`,
  );
  const last = migrations.at(-1)?.name;
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum, onlyAdds: isAddition } of ran) {
    const file = byName.get(name);
    const isLater = last !== undefined && name > last;
    if (file ? file.checksum === checksum : isLater && isAddition) continue;
    throw new NightshiftError(
      'conflict',
      `Migration ${name} ran on this database, but its file ${file ? 'was changed' : 'is gone'} since. ` +
        'Put the file back and write a new one, or start with an empty database.',
    );
  }
  const ranNames = new Set(ran.map(({ name }) => name));
  return migrations.filter(({ name }) => !ranNames.has(name));
}

async function runFile(tx: Queryable, name: string, sql: string): Promise<void> {
  try {
    // No parameters: PostgreSQL takes many statements at once only without.
    await tx.query(sql);
  } catch (cause) {
    throw new Error(`Migration ${name} failed: ${messageOf(cause)}`, { cause });
  }
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}
