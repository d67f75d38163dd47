import { Command } from 'commander';

import { priceBookWireSchema, pricesSchema } from '../../api/wire/prices.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';

interface SetOptions extends ApiOptions {
  readonly validFrom?: string;
}

/** What submitters pay; operators set it together with what owners get. */
export const pricesCommand: CommandFactory = (terminal) => {
  const prices = new Command('prices').description('what work costs, and the operator’s price book');
  withApiOptions(prices.command('show').description('the prices in force for the key’s tenant, as JSON')).action(
    async (options: ApiOptions) => {
      terminal.out(asJson(pricesSchema.parse(await (await openApi(options)).json('GET', '/v1/prices'))));
    },
  );
  withApiOptions(prices.command('set').description('add a version of the price book (docs/money.md)'))
    .argument('<file>', 'YAML or JSON')
    .option('--valid-from <time>', 'grid time, RFC 3339; now unless given')
    .action(async (file: string, options: SetOptions) => {
      const { readYamlObject } = await import('../files/readYamlObject.ts');
      const { validFrom } = options;
      const body = { book: await readYamlObject(file), ...(validFrom !== undefined && { valid_from: validFrom }) };
      const added = priceBookWireSchema.parse(await (await openApi(options)).json('POST', '/ops/v1/price_books', body));
      terminal.out(`Version ${added.version} is valid from ${added.valid_from ?? 'the start'}.\n`);
    });
  return prices;
};

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
