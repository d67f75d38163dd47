import { readFile } from 'node:fs/promises';

import { Command } from 'commander';

import { connectionSchema, eventSchema, eventsSchema, eventText } from '../gridText.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';
import { gridEmergencyCommand } from './gridEmergency.ts';
import { gridImportCommand } from './gridImport.ts';
import { gridRegionCommand } from './gridRegion.ts';

interface GridOptions extends ApiOptions {
  readonly json?: true;
}

interface ConnectOptions extends GridOptions {
  readonly vtn: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly region: string;
  readonly id?: string;
  readonly feeder: readonly string[];
  readonly program: readonly string[];
  readonly target: readonly string[];
  readonly scope: readonly string[];
  readonly poll?: number;
  readonly callbackUrl?: string;
  readonly tokenUrl?: string;
  readonly brokerHost: readonly string[];
  readonly ca?: string;
  readonly insecure?: true;
}

const CONNECTIONS = '/grid/v1/connections';
const EVENTS = '/grid/v1/events';
const MOST_POLL_SECONDS = 86_400;

export const gridCommand: CommandFactory = (terminal, done) => {
  const print = (value: unknown, options: GridOptions, text: () => string): void => {
    terminal.out(options.json ? `${JSON.stringify(value, null, 2)}\n` : text());
    done(EXIT_CODES.ok);
  };
  return new Command('grid')
    .description('follow utilities, see what their events did, and give a region its signals')
    .addCommand(gridImportCommand(terminal, done))
    .addCommand(gridRegionCommand(terminal, done))
    .addCommand(gridEmergencyCommand(terminal, done))
    .addCommand(
      common('connect')
        .description('follow a utility’s OpenADR 3.1 server')
        .requiredOption('--vtn <url>', 'base URL of the server')
        .option('--client-id <id>', 'client id; left out for a server that takes anybody')
        .option('--client-secret <secret>', 'client secret; NIGHTSHIFT_CLIENT_SECRET unless given')
        .requiredOption('--region <id>', 'region that it speaks for')
        .option('--id <id>', 'name of the connection; the host of the server unless given')
        .option('--feeder <ids...>', 'feeders that it speaks for; all of the region unless given', [])
        .option('--program <names...>', 'programs to follow; all unless given', [])
        .option('--target <names...>', 'targets to ask for beside those that it grants', [])
        .option('--scope <scopes...>', 'scopes to ask a token for', [])
        .option('--poll <seconds>', 'seconds between two polls', wholeNumber(5, MOST_POLL_SECONDS))
        .option('--callback-url <url>', 'where the server reaches this API, for notifications')
        .option('--token-url <url>', 'where tokens come from, when the server names another host')
        .option('--broker-host <hosts...>', 'hosts of MQTT brokers that the server may name beside its own', [])
        .option('--ca <file>', 'certificates of a private authority, PEM')
        .option('--insecure', 'do not verify the server’s certificate')
        .action(async (options: ConnectOptions) => {
          const id = options.id ?? idOf(options.vtn);
          const clientSecret = options.clientSecret ?? process.env['NIGHTSHIFT_CLIENT_SECRET'];
          const body = {
            vtn_url: options.vtn,
            region: options.region,
            feeders: options.feeder,
            programs: options.program,
            targets: options.target,
            scopes: options.scope,
            broker_hosts: options.brokerHost,
            verify_tls: options.insecure !== true,
            ...(options.clientId !== undefined && { client_id: options.clientId, client_secret: clientSecret }),
            ...(options.poll !== undefined && { poll_seconds: options.poll }),
            ...(options.callbackUrl !== undefined && { callback_url: options.callbackUrl }),
            ...(options.tokenUrl !== undefined && { token_url: options.tokenUrl }),
            ...(options.ca !== undefined && { ca: await readFile(options.ca, 'utf8') }),
          };
          const headers = { 'content-type': 'application/json' };
          const init = { method: 'PUT', headers, body: JSON.stringify(body) };
          const answer = await (await openApi(options)).call(`${CONNECTIONS}/${id}`, init);
          const connection = connectionSchema.parse(await answer.json());
          print(connection, options, () => `${connection.id} is followed for ${connection.region}\n`);
        }),
    )
    .addCommand(
      common('connections')
        .description('list the utilities that are followed')
        .action(async (options: GridOptions) => {
          const answer = await (await (await openApi(options)).call(CONNECTIONS)).json();
          const connections = connectionSchema.array().parse(eventsSchema.parse(answer).data);
          print(connections, options, () =>
            connections
              .map(({ id, region, vtn_url: url, status }) => {
                const state = status?.failure ?? (status ? `${status.events} events` : 'not synchronised yet');
                return `${id}  ${region}  ${url}  ${state}\n`;
              })
              .join(''),
          );
        }),
    )
    .addCommand(
      common('disconnect')
        .description('follow a utility no more')
        .argument('<id>', 'name of the connection')
        .action(async (id: string, options: GridOptions) => {
          await (await openApi(options)).call(`${CONNECTIONS}/${id}`, { method: 'DELETE' });
          print({ id, deleted: true }, options, () => `${id} is followed no more\n`);
        }),
    )
    .addCommand(
      new Command('event')
        .description('see utilities’ events')
        .addCommand(
          common('list')
            .description('list the newest events')
            .action(async (options: GridOptions) => {
              const answer = await (await (await openApi(options)).call(EVENTS)).json();
              const events = eventSchema.array().parse(eventsSchema.parse(answer).data);
              print(events, options, () =>
                events
                  .map((event) => `${event.id}  ${event.connection}  ${event.state}  ${event.start ?? '-'}\n`)
                  .join(''),
              );
            }),
        )
        .addCommand(
          common('show')
            .description('what an event asked for, what it did to the metered load, and what was reported')
            .argument('<id>', 'id of the event')
            .action(async (id: string, options: GridOptions) => {
              const answer = await (await openApi(options)).call(`${EVENTS}/${encodeURIComponent(id)}`);
              const event: unknown = await answer.json();
              print(event, options, () => eventText(event, terminal.colors));
            }),
        ),
    );
};

function common(name: string): Command {
  return withApiOptions(new Command(name)).option('--json', 'print JSON');
}

/** A connection is called after its host unless it is given a name. */
function idOf(vtnUrl: string): string {
  const host = URL.canParse(vtnUrl) ? new URL(vtnUrl).hostname : vtnUrl;
  return host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
