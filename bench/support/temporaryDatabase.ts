import { migrateDatabase, startTemporaryPostgres } from '../../test/support/temporaryPostgres.ts';

/** A migrated PostgreSQL of its own, gone with stop(). */
export async function temporaryDatabase(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { url, server } = await startTemporaryPostgres('nightshift-bench-postgres-');
  await migrateDatabase(`${url}/postgres`);
  return { url: `${url}/postgres`, stop: () => server.stop() };
}
