import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';

/** The night is a program of its own, above the command line in the order of imports. It reads its own options. */
const NIGHT = fileURLToPath(new URL('../../demo/main.js', import.meta.url));

/** A terminal sends Ctrl-C to both; the night must end its servers before this process ends. */
const outlive = (): void => undefined;

/** For whoever installed the package: what `npm start` does in a checkout. */
export const startCommand: CommandFactory = (_terminal, done) =>
  new Command('start')
    .description('run one night on simulated cars, with real servers and real inference (start --help: its options)')
    .argument('[options...]')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (options: string[]) => {
      const night = spawn(process.execPath, [NIGHT, ...options], {
        stdio: 'inherit',
        env: { ...process.env, TZ: 'UTC' },
      });
      const forward = (): boolean => night.kill('SIGTERM');
      process.on('SIGINT', outlive).on('SIGTERM', forward);
      try {
        await once(night, 'exit');
        done(night.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.failed);
      } finally {
        process.off('SIGINT', outlive).off('SIGTERM', forward);
      }
    });
