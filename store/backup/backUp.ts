import { Client, escapeIdentifier } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { NightshiftError } from '../../domain/errors.ts';
import { unlessNotFound, type ObjectStore } from '../objectStore.ts';
import { hashed } from './hashed.ts';
import { backupKeys, type BackedUpTable, type BackupManifest } from './manifest.ts';

export interface BackupPorts {
  readonly databaseUrl: string;
  /** As the bytes lie there: what is encrypted stays so. */
  readonly objects: ObjectStore;
  /** Must be empty. */
  readonly folder: ObjectStore;
  readonly onProgress: (text: string) => void;
}

/**
 * Copies database and object store while the cell runs: the tables as of one instant, then every object that is there.
 * Objects are only added while their rows exist, so those that the rows name are among them; what was deleted by
 * retention meanwhile is left out. What Temporal holds is not copied: it is made anew from the rows.
 * @throws NightshiftError `conflict` when the folder is not empty
 */
export async function backUp(ports: BackupPorts): Promise<BackupManifest> {
  const { folder } = ports;
  if ((await folder.list('')).length > 0) {
    throw new NightshiftError('conflict', 'The folder is not empty. Name one that is not there yet.', {
      field: 'folder',
    });
  }
  const rows = await copyTables(ports);
  const manifest: BackupManifest = { format: 'nightshift-backup-1', ...rows, objects: await copyObjects(ports) };
  await folder.put(backupKeys.manifest, JSON.stringify(manifest, null, 1));
  return manifest;
}

async function copyTables({ databaseUrl, folder, onProgress }: BackupPorts) {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    // A large table takes longer than any query of the product may.
    await client.query('set local statement_timeout = 0');
    const [now] = (await client.query<{ at: Date }>('select now() as at')).rows;
    const migrations = await client.query<{ name: string }>('select name from schema_migrations order by name');
    const tables: BackedUpTable[] = [];
    for (const table of await listTables(client)) {
      const copied = await copyTable(client, folder, table);
      tables.push(copied);
      onProgress(`${copied.name}: ${copied.rows} rows`);
    }
    return {
      takenAt: (now?.at ?? new Date()).toISOString(),
      migrations: migrations.rows.map(({ name }) => name),
      tables,
      sequences: await listSequences(client),
    };
  } finally {
    await client.end();
  }
}

interface TableColumns {
  readonly name: string;
  readonly columns: string[];
}

/** Ours alone, and of their columns those that are not computed from others. */
async function listTables(client: Client): Promise<TableColumns[]> {
  const { rows } = await client.query<TableColumns>(
    `select c.table_name::text as name, array_agg(c.column_name::text order by c.ordinal_position) as columns
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
       and c.table_name <> 'schema_migrations'
     group by c.table_name order by c.table_name`,
  );
  return rows;
}

async function listSequences(client: Client): Promise<BackupManifest['sequences']> {
  const { rows } = await client.query<{ name: string; lastValue: string }>(
    `select sequencename::text as name, last_value::text as "lastValue" from pg_sequences
     where schemaname = 'public' and last_value is not null order by 1`,
  );
  return rows;
}

async function copyTable(client: Client, folder: ObjectStore, { name, columns }: TableColumns): Promise<BackedUpTable> {
  const listed = columns.map(escapeIdentifier).join(', ');
  const copying = client.query(copyTo(`copy ${escapeIdentifier(name)} (${listed}) to stdout`));
  const { bytes, sha256 } = hashed(copying);
  await folder.putStream(backupKeys.table(name), bytes);
  return { name, columns, rows: copying.rowCount, sha256: sha256() };
}

async function copyObjects({ objects, folder, onProgress }: BackupPorts): Promise<BackupManifest['objects']> {
  const copied: BackupManifest['objects'] = [];
  for (const key of await objects.list('')) {
    const stored = await unlessNotFound(objects.getStream(key));
    // Its batch was removed since the list was made.
    if (!stored) continue;
    const { bytes, sha256 } = hashed(stored);
    const sizeBytes = await folder.putStream(backupKeys.object(key), bytes);
    copied.push({ key, sizeBytes, sha256: sha256() });
    if (copied.length % 1_000 === 0) onProgress(`${copied.length} objects`);
  }
  return copied;
}
