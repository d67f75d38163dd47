import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';

import type { TeslaCarWire } from '../../api/wire/tesla.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom } from '../numberOption.ts';

interface TeslaOptions extends ApiOptions {
  readonly json?: true;
}

interface AddOptions extends TeslaOptions {
  readonly account: string;
  readonly phases: string;
  readonly maxAmps: number;
  readonly metersCompute?: true;
}

const PATH = '/fleet/v1/tesla';
const common = (name: string): Command => withApiOptions(new Command(name)).option('--json', 'print JSON');

/** Cars that are told what to draw by commands of Tesla's Fleet API. */
export const teslaCommand: CommandFactory = (terminal, done) => {
  const print = (value: unknown, shown: string, { json }: TeslaOptions): void => {
    terminal.out(json ? `${JSON.stringify(value, null, 2)}\n` : shown);
    done(EXIT_CODES.ok);
  };
  return new Command('tesla')
    .description('link accounts at Tesla, and have cars told by commands of its Fleet API (docs/tesla.md)')
    .addCommand(
      common('link')
        .description('link an owner’s account, or link it anew')
        .argument('<account>', 'a name of yours for it')
        .requiredOption('--refresh-token-file <file>', 'file with its refresh token; "-": standard input')
        .action(async (account: string, options: TeslaOptions & { refreshTokenFile: string }) => {
          const { refreshTokenFile: file } = options;
          const token = (file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')).trim();
          const path = `${PATH}/accounts/${encodeURIComponent(account)}`;
          const linked = await (await openApi(options)).json('PUT', path, { refresh_token: token });
          print(
            linked,
            `${account} is linked. Its token is used up by the first exchange: delete the file.\n`,
            options,
          );
        }),
    )
    .addCommand(
      common('unlink')
        .description('unlink an account, with all its cars')
        .argument('<account>')
        .action(async (account: string, options: TeslaOptions) => {
          const path = `${PATH}/accounts/${encodeURIComponent(account)}`;
          print(await (await openApi(options)).json('DELETE', path), `${account} is unlinked.\n`, options);
        }),
    )
    .addCommand(
      common('add')
        .description('have an enrolled car told by commands, or change how')
        .argument('<vin>')
        .requiredOption('--account <account>', 'the linked account that it is in')
        .option('--phases <n>', 'of the plug at its home: 1 or 3', '3')
        .option('--max-amps <amps>', 'of that plug, per phase', numberFrom(6), 16)
        .option('--meters-compute', 'its computer draws through the car, so that the car’s meter sees compute too')
        .action(async (vin: string, options: AddOptions) => {
          const { teslaCarSchema } = await import('../../api/wire/tesla.ts');
          const body = {
            account: options.account,
            phases: Number(options.phases),
            max_amps: options.maxAmps,
            meters_compute: options.metersCompute === true,
          };
          const answer = await (await openApi(options)).json('PUT', `${PATH}/cars/${encodeURIComponent(vin)}`, body);
          const car = teslaCarSchema.parse(answer);
          print(car, line(car), options);
        }),
    )
    .addCommand(
      common('list')
        .description('list the cars with what each was told, what it has cost this month, and what is wrong')
        .action(async (options: TeslaOptions) => {
          const { teslaListSchema } = await import('../../api/wire/tesla.ts');
          const listed = teslaListSchema.parse(await (await openApi(options)).json('GET', PATH));
          const accounts = `accounts: ${listed.accounts.map(({ id }) => id).join(', ') || 'none'}\n`;
          print(listed, accounts + listed.cars.map(line).join(''), options);
        }),
    )
    .addCommand(
      common('remove')
        .description('a car is no longer told by commands')
        .argument('<vin>')
        .action(async (vin: string, options: TeslaOptions) => {
          const removed = await (await openApi(options)).json('DELETE', `${PATH}/cars/${encodeURIComponent(vin)}`);
          print(removed, `${vin} is removed.\n`, options);
        }),
    );
};

function line({
  vin,
  account,
  told_amps: amps,
  charging_kwh: kwh,
  usd_this_month: usd,
  problems,
}: TeslaCarWire): string {
  const told = amps === null ? 'not told yet' : amps === 0 ? 'told not to charge' : `told ${amps} A`;
  const wrong = problems.map((problem) => `    ${problem}\n`).join('');
  return `${vin}  ${account}  ${told}  ${kwh.toFixed(2)} kWh charged  ${usd.toFixed(3)} USD this month\n${wrong}`;
}
