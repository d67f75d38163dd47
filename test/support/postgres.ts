import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TestProject } from 'vitest/node';

import { migrateDatabase, startTemporaryPostgres } from './temporaryPostgres.ts';

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
  const { url, server } = await startTemporaryPostgres(`${FOLDER_PREFIX}${process.pid}-`);
  await server.createDatabase(TEMPLATE_DATABASE);
  await migrateDatabase(`${url}/${TEMPLATE_DATABASE}`);
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
