import { Command } from 'commander';

import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';

/** For operators who change `secretsKey`: run where the control worker runs, with its configuration. The cell may run meanwhile. */
export const secretsCommand: CommandFactory = (terminal, done) =>
  new Command('secrets').description('what is sealed in the database with NIGHTSHIFT_SECRETS_KEY').addCommand(
    new Command('reseal')
      .description('seal everything with the present key, after which NIGHTSHIFT_PREVIOUS_SECRETS_KEYS can go')
      .action(async () => {
        const { openDatabase } = await import('../../store/database.ts');
        const { resealSecrets } = await import('../../store/resealSecrets.ts');
        const { configured, withDatabase } = await import('../cellServers.ts');
        const { databaseUrlOf } = await import('../../worker/local/platform.ts');
        const { secretsSealOf } = await import('../../worker/process/secretsSeal.ts');
        const config = configured();
        const results = await withDatabase(config, async () => {
          const database = openDatabase({ url: databaseUrlOf(config), maxConnections: 1 });
          try {
            return await resealSecrets(database, secretsSealOf(config));
          } finally {
            await database.close();
          }
        });
        for (const { table, resealed } of results) terminal.out(`${table}: ${resealed} sealed with the present key\n`);
        const unreadable = results.flatMap(({ table, unreadable: ids }) => ids.map((id) => `${table} ${id}`));
        if (unreadable.length === 0) return done(EXIT_CODES.ok);
        terminal.err(
          `None of the keys opens these, so they stay as they are:\n${unreadable.map((row) => `  ${row}\n`).join('')}` +
            'Name the key that they were sealed with in NIGHTSHIFT_PREVIOUS_SECRETS_KEYS, or give these secrets anew.\n',
        );
        done(EXIT_CODES.failed);
      }),
  );
