import { Command } from 'commander';

import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';

/** For operators: run where the control worker runs, with its configuration. */
export const doctorCommand: CommandFactory = (terminal, done) =>
  new Command('doctor')
    .description('look at every part that a cell stands on, and say what is wrong and how to mend it')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }) => {
      const { loadConfig } = await import('../../config/config.ts');
      const { childEnvironment } = await import('../../worker/local/platform.ts');
      const { examine } = await import('../doctor/examine.ts');
      const { checkText } = await import('../checkText.ts');
      const given = loadConfig({ env: process.env, cwd: process.cwd() });
      // As the processes of the local stack are started: with the addresses of its embedded servers.
      const findings = await examine(loadConfig({ env: childEnvironment(given), cwd: given.cwd }));
      terminal.out(json ? `${JSON.stringify(findings, null, 2)}\n` : checkText(findings, terminal));
      done(findings.every(({ ok }) => ok) ? EXIT_CODES.ok : EXIT_CODES.failed);
    });
