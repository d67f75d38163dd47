import { Command } from 'commander';

import { decimalOf } from '../../domain/money.ts';
import { ledgerCheckSchema } from '../../api/wire/ledger.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';

/** The operator's books. */
export const ledgerCommand: CommandFactory = (terminal, done) => {
  const ledger = new Command('ledger').description('the books: every booking of money, balanced and append-only');
  withApiOptions(
    ledger.command('verify').description('hold the books against themselves and against what was accepted'),
  )
    .option('--json', 'print JSON')
    .action(async (options: ApiOptions & { json?: true }) => {
      const found = ledgerCheckSchema.parse(await (await openApi(options)).json('GET', '/ops/v1/ledger/check'));
      const isSound = found.fault_count === 0 && Object.values(found.sums).every((sum) => sum === 0);
      if (options.json) terminal.out(`${JSON.stringify(found, null, 2)}\n`);
      else {
        const { green, red } = terminal.colors;
        for (const { text, faults } of found.checks) {
          terminal.out(`${faults.length === 0 ? green('ok   ') : red('wrong')} ${text}\n`);
          for (const fault of faults) terminal.out(`        ${fault}\n`);
        }
        const sums = Object.entries(found.sums).map(([currency, sum]) => `${decimalOf(sum)} ${currency}`);
        terminal.out(`${found.bookings} bookings, ${found.entries} entries, in sum ${sums.join(', ') || 'nothing'}\n`);
        if (found.fault_count > 0) terminal.out(red(`${found.fault_count} faults\n`));
      }
      done(isSound ? EXIT_CODES.ok : EXIT_CODES.failed);
    });
  return ledger;
};
