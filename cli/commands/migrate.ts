import { Command } from 'commander';

import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';

/** For operators who bring the schema up to date before the processes of a release start; those do it themselves, too. */
export const migrateCommand: CommandFactory = (terminal, done) =>
  new Command('migrate')
    .description('bring the database to the schema of this release; databases that have it are left as they are')
    .option('--check', 'only say what would run, and whether processes of the release before may go on beside it')
    .action(async ({ check }: { check?: true }) => {
      const { openDatabase } = await import('../../store/database.ts');
      const { describePending, migrate } = await import('../../store/migrate.ts');
      const { configured } = await import('../cellServers.ts');
      const { databaseUrlOf } = await import('../../worker/local/platform.ts');
      const database = openDatabase({ url: databaseUrlOf(configured()), maxConnections: 1 });
      try {
        if (check) {
          for (const { name, onlyAdds } of await describePending(database)) {
            terminal.out(`${name}  ${onlyAdds ? 'only adds' : 'does more than add: stop the old processes first'}\n`);
          }
          return done(EXIT_CODES.ok);
        }
        const ran = await migrate(database);
        terminal.out(ran.length === 0 ? 'The schema is up to date.\n' : ran.map((name) => `${name}\n`).join(''));
        done(EXIT_CODES.ok);
      } finally {
        await database.close();
      }
    });
