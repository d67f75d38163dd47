import { Command } from 'commander';
import { z } from 'zod';

import { API_SCOPES } from '../../domain/apiKeys.ts';
import { keySchema, newKeySchema, type ApiKeyWire } from '../../api/wire/keys.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';

interface KeyOptions extends ApiOptions {
  readonly json?: true;
}

interface CreateOptions extends KeyOptions {
  readonly tenant: string;
  readonly name: string;
  readonly scope: readonly string[];
  readonly region?: readonly string[];
  readonly rate: number;
}

const MAX_PER_MINUTE = 1_000_000;
const MAX_GRACE_HOURS = 720;
const KEYS_PATH = '/ops/v1/keys';

const common = (name: string): Command => withApiOptions(new Command(name)).option('--json', 'print JSON');

export const keyCommand: CommandFactory = (terminal, done) => {
  const line = (key: ApiKeyWire): string => {
    const { red, yellow } = terminal.colors;
    const until = key.expires_at === null ? '' : yellow(` until ${new Date(key.expires_at * 1_000).toISOString()}`);
    const state = key.revoked_at === null ? `${key.requests_per_minute}/min${until}` : red('revoked');
    return `${key.id}  ${key.tenant}  ${key.scopes.join(',')}  ${state}  ${key.name}\n`;
  };
  return new Command('key')
    .description('make, list, rotate and revoke API keys')
    .addCommand(
      common('create')
        .description('make a key and print it; it is shown once and kept nowhere')
        .requiredOption('--tenant <id>', 'whose key it is; files and batches are seen by their tenant only')
        .requiredOption('--name <text>', 'what it is for')
        .option('--scope <scopes...>', `what it may do: ${Object.keys(API_SCOPES).join(', ')}`, ['submit'])
        .option('--region <ids...>', 'what a key with the scope "grid" sees: the utility’s own regions')
        .option('--rate <n>', 'requests a minute', wholeNumber(1, MAX_PER_MINUTE), 600)
        .action(async (options: CreateOptions) => {
          const { tenant, name, scope: scopes, region: regions, rate } = options;
          const body = { tenant, name, scopes, ...(regions && { regions }), requests_per_minute: rate };
          const made = newKeySchema.parse(await (await openApi(options)).json('POST', KEYS_PATH, body));
          terminal.out(options.json ? `${JSON.stringify(made, null, 2)}\n` : `${made.key}\n`);
          if (!options.json) terminal.err(line(made));
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('list')
        .description('list the keys')
        .action(async (options: KeyOptions) => {
          const answer = await (await openApi(options)).json('GET', KEYS_PATH);
          const { data } = z.object({ data: z.array(keySchema) }).parse(answer);
          terminal.out(options.json ? `${JSON.stringify(data, null, 2)}\n` : data.map(line).join(''));
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('rotate')
        .description('make a key that may do the same, and have the old one run out')
        .argument('<id>', 'id of the old key')
        .option('--grace <hours>', 'how long the old one works on', wholeNumber(0, MAX_GRACE_HOURS), 24)
        .action(async (id: string, options: KeyOptions & { readonly grace: number }) => {
          const body = { grace_hours: options.grace };
          const path = `${KEYS_PATH}/${id}/rotation`;
          const made = newKeySchema.parse(await (await openApi(options)).json('POST', path, body));
          terminal.out(options.json ? `${JSON.stringify(made, null, 2)}\n` : `${made.key}\n`);
          if (!options.json) terminal.err(`${line(made)}The old one works for ${options.grace} h more.\n`);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('revoke')
        .description('end a key; it works on for two seconds at most')
        .argument('<id>', 'id of the key')
        .action(async (id: string, options: KeyOptions) => {
          const revoked = keySchema.parse(await (await openApi(options)).json('DELETE', `${KEYS_PATH}/${id}`));
          terminal.out(options.json ? `${JSON.stringify(revoked, null, 2)}\n` : line(revoked));
          done(EXIT_CODES.ok);
        }),
    );
};
