import { pipeline } from 'node:stream/promises';
import { Client, escapeIdentifier } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { FINAL_BATCH_STATUSES } from '../../domain/batches.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { openDatabase } from '../database.ts';
import { listMigrations, migrate } from '../migrate.ts';
import type { ObjectStore } from '../objectStore.ts';
import type { BackupPorts } from './backUp.ts';
import { hashed } from './hashed.ts';
import { backupKeys, readManifest, type BackedUpTable, type BackupManifest } from './manifest.ts';

/**
 * Puts a backup into a new database and an object store. A backup of an earlier release is brought up to date. Jobs
 * that were open are started anew at the next start of the API, from what is stored: accepted shards are not computed
 * again. When it fails, the database is as new as before, so that it can be run again.
 * @throws NightshiftError `conflict` when the database has tables, or the backup is of a later release;
 *   `invalid_request` when the backup is damaged
 */
export async function restore(ports: BackupPorts): Promise<BackupManifest> {
  const { databaseUrl, folder } = ports;
  const manifest = await readManifest(folder);
  const known = new Set(await listMigrations());
  const unknown = manifest.migrations.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const message = `The backup is of a later release: it has ${unknown.join(', ')}. Restore it with that release.`;
    throw new NightshiftError('conflict', message, { field: 'folder' });
  }
  await checkNew(databaseUrl);
  await restoreObjects(ports, manifest);
  const database = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    await migrate(database, { names: manifest.migrations });
    await restoreTables(ports, manifest);
    await migrate(database);
    // Their workflows are gone with the old Temporal server.
    await database.query('update batches set job_started_real_at = null where status <> all($1)', [
      FINAL_BATCH_STATUSES,
    ]);
  } catch (error) {
    await database.query('drop schema public cascade; create schema public');
    throw error;
  } finally {
    await database.close();
  }
  return manifest;
}

async function checkNew(databaseUrl: string): Promise<void> {
  const database = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    const tables = await database.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' limit 1`,
    );
    if (tables.length === 0) return;
  } finally {
    await database.close();
  }
  const message =
    'The database has tables already. Restore into a new one: a backup is never mixed with what is there.';
  throw new NightshiftError('conflict', message, { field: 'databaseUrl' });
}

async function restoreObjects({ objects, folder, onProgress }: BackupPorts, manifest: BackupManifest): Promise<void> {
  for (const [index, { key, sizeBytes, sha256 }] of manifest.objects.entries()) {
    const stored = await objects.putStream(key, verified(folder, backupKeys.object(key), sha256));
    if (stored !== sizeBytes) throw damaged(backupKeys.object(key));
    if ((index + 1) % 1_000 === 0) onProgress(`${index + 1} of ${manifest.objects.length} objects`);
  }
}

async function restoreTables(
  { databaseUrl, folder, onProgress }: BackupPorts,
  manifest: BackupManifest,
): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('set local statement_timeout = 0');
    const names = manifest.tables.map(({ name }) => escapeIdentifier(name));
    // What triggers do when a row comes in was done when it came in first, and the ledger's refuse to be emptied.
    for (const name of names) await client.query(`alter table ${name} disable trigger user`);
    // Migrations fill some tables; the backup has those rows, too.
    await client.query(`truncate ${names.join(', ')} cascade`);
    for (const table of await inOrderOfReference(client, manifest.tables)) {
      await restoreTable(client, folder, table);
      onProgress(`${table.name}: ${table.rows} rows`);
    }
    for (const name of names) await client.query(`alter table ${name} enable trigger user`);
    for (const { name, lastValue } of manifest.sequences)
      await client.query('select setval($1::regclass, $2::bigint)', [escapeIdentifier(name), lastValue]);
    await client.query('commit');
  } finally {
    await client.end();
  }
}

async function restoreTable(client: Client, folder: ObjectStore, table: BackedUpTable): Promise<void> {
  const key = backupKeys.table(table.name);
  const columns = table.columns.map(escapeIdentifier).join(', ');
  const copying = client.query(copyFrom(`copy ${escapeIdentifier(table.name)} (${columns}) from stdin`));
  await pipeline(verified(folder, key, table.sha256), copying);
  if (copying.rowCount !== table.rows) throw damaged(key);
}

/** The bytes as they are stored. @throws NightshiftError `invalid_request` at their end when they are not what was written */
async function* verified(folder: ObjectStore, key: string, written: string): AsyncIterable<Uint8Array> {
  const { bytes, sha256 } = hashed(await folder.getStream(key));
  yield* bytes;
  if (sha256() !== written) throw damaged(key);
}

function damaged(key: string): NightshiftError {
  const message = `${key} of the backup is not what was written: it is damaged. Use another backup.`;
  return new NightshiftError('invalid_request', message, { field: 'folder' });
}

/** Tables that others refer to before those others: foreign keys are checked at the end of each copy. */
async function inOrderOfReference(client: Client, tables: readonly BackedUpTable[]): Promise<BackedUpTable[]> {
  const { rows } = await client.query<{ from: string; to: string }>(
    `select conrelid::regclass::text as "from", confrelid::regclass::text as "to" from pg_constraint
     where contype = 'f' and conrelid <> confrelid`,
  );
  const ordered: BackedUpTable[] = [];
  let waiting = [...tables];
  while (waiting.length > 0) {
    const names = new Set(waiting.map(({ name }) => name));
    const ready = waiting.filter(({ name }) => !rows.some(({ from, to }) => from === name && names.has(to)));
    if (ready.length === 0) throw new Error(`the tables ${[...names].join(', ')} refer to each other in a circle`);
    ordered.push(...ready);
    waiting = waiting.filter((table) => !ready.includes(table));
  }
  return ordered;
}
