import type { Database } from '../../store/database.ts';

/**
 * A database that notes when the messages which were heard before a transaction are stored by it. A message's value is
 * its number in the run, over 10,000.
 */
export function watchedDatabase(database: Database) {
  let waiting: number[] = [];
  let stored: { sequence: number; realMs: number }[] = [];
  return {
    heard: (value: number) => void waiting.push(Math.round(value * 1e4)),
    restart: () => {
      waiting = [];
      stored = [];
    },
    get storedRealMs() {
      return stored;
    },
    database: {
      ...database,
      transaction: async <Result>(work: Parameters<typeof database.transaction<Result>>[0]) => {
        const carried = waiting;
        waiting = [];
        const result = await database.transaction(work);
        const realMs = Date.now();
        for (const sequence of carried) stored.push({ sequence, realMs });
        return result;
      },
    } satisfies Database,
  };
}
