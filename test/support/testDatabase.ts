import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, inject } from 'vitest';

import { openDatabase, type Database } from '../../store/database.ts';
import { TEMPLATE_DATABASE } from './postgres.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
}

/** A migrated database of its own for the calling test file, dropped when its tests have run. Call at top level. */
export function useTestDatabase(): TestDatabase {
  const server = inject('postgresUrl');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = `${server}/${name}`;
  const database = openDatabase({ url, maxConnections: 5 });

  beforeAll(() => administer(server, `create database ${name} template ${TEMPLATE_DATABASE}`));
  afterAll(async () => {
    await database.close();
    await administer(server, `drop database ${name} with (force)`);
  });
  return { url, database };
}

/** Runs one statement on the server's own database. */
export async function administer(server: string, sql: string): Promise<void> {
  const admin = openDatabase({ url: `${server}/postgres`, maxConnections: 1 });
  try {
    await admin.query(sql);
  } finally {
    await admin.close();
  }
}
