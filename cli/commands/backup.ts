import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';

import { NightshiftError } from '../../domain/errors.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { Terminal } from '../terminal.ts';

/** For operators: run where the control worker runs, with its configuration. The cell may run meanwhile. */
export const backupCommand: CommandFactory = (terminal, done) =>
  new Command('backup')
    .description('copy the database, as of one instant, and every object into a new folder; the cell runs on')
    .argument('<folder>', 'where the backup goes; must not be there yet')
    .action(async (folder: string) => {
      const { backUp } = await import('../../store/backup/backUp.ts');
      const { backupPortsOver, configured } = await import('../cellServers.ts');
      const manifest = await backUp(backupPortsOver(configured(), resolve(folder), progressOf(terminal)));
      terminal.out(`Backed up as of ${manifest.takenAt}: ${summaryOf(manifest)} in ${folder}\n${KEYS_APART}`);
      done(EXIT_CODES.ok);
    });

/** For operators who have lost everything but a backup and the keys. */
export const restoreCommand: CommandFactory = (terminal, done) =>
  new Command('restore')
    .description('put a backup into a new database and the object store, before the cell is started again')
    .argument('<folder>', 'what `backup` wrote')
    .action(async (folder: string) => {
      if (!existsSync(folder))
        throw new NightshiftError('invalid_request', `There is no folder ${folder}.`, { field: 'folder' });
      const { restore } = await import('../../store/backup/restore.ts');
      const { backupPortsOver, configured, withDatabase } = await import('../cellServers.ts');
      const config = configured();
      const manifest = await withDatabase(config, () =>
        restore(backupPortsOver(config, resolve(folder), progressOf(terminal))),
      );
      terminal.out(`Restored as of ${manifest.takenAt}: ${summaryOf(manifest)}.\n${START_AGAIN}`);
      done(EXIT_CODES.ok);
    });

const KEYS_APART =
  'The keys are not in it: keep NIGHTSHIFT_SECRETS_KEY (or secrets-key and api-key of the state folder) apart from it.\n';
const START_AGAIN =
  'Start the cell with the same keys and a Temporal namespace without its workflows: open jobs and stays begin anew there.\n';

function progressOf({ err, colors }: Terminal): (text: string) => void {
  return (text) => err(colors.dim(`${text}\n`));
}

function summaryOf({ tables, objects }: { tables: readonly { rows: number }[]; objects: readonly unknown[] }): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${rows} rows of ${tables.length} tables and ${objects.length} objects`;
}
