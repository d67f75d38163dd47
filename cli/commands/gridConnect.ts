import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { Command, InvalidArgumentError } from 'commander';

import type { GridClient } from '../../api/client/gridClient.ts';
import type { GridConnectionWire } from '../../api/wire/gridConnections.ts';
import { openGrid, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';

interface ConnectOptions extends ApiOptions {
  readonly vtn: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly region: string;
  readonly id?: string;
  readonly venName?: string;
  readonly feeder: readonly string[];
  readonly program: readonly string[];
  readonly target: readonly string[];
  readonly scope: readonly string[];
  readonly poll?: number;
  readonly eurPer?: Readonly<Record<string, number>>;
  readonly priority?: number;
  readonly callbackUrl?: string;
  readonly tokenUrl?: string;
  readonly brokerHost: readonly string[];
  readonly ca?: string;
  readonly insecure?: true;
  readonly wait: boolean;
  readonly json?: true;
}

const MAX_POLL_SECONDS = 86_400;
const MAX_PRIORITY = 1_000;
/** A server that lets each of a few requests wait for its full time has answered by then. */
const TRIED_WITHIN_REAL_MS = 90_000;
const LOOK_EVERY_REAL_MS = 500;

export const gridConnectCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('connect'))
    .description('follow a utility’s OpenADR 3.1 server')
    .requiredOption('--vtn <url>', 'base URL of the server')
    .option(
      '--client-id <id>',
      'client id; left out for a server that takes anybody, or to keep the one that is stored',
    )
    .option(
      '--client-secret <secret>',
      'client secret; NIGHTSHIFT_CLIENT_SECRET unless given, and else the one that is stored',
    )
    .requiredOption('--region <id>', 'region that it speaks for')
    .option('--id <id>', 'name of the connection; the host of the server unless given')
    .option('--ven-name <name>', 'what we are called there; nightshift-<id> unless given')
    .option('--feeder <ids...>', 'feeders that it speaks for; all of the region unless given', [])
    .option('--program <names...>', 'programs to follow; all unless given', [])
    .option('--target <names...>', 'targets to ask for beside those that it grants', [])
    .option('--scope <scopes...>', 'scopes to ask a token for', [])
    .option('--poll <seconds>', 'seconds between two polls', wholeNumber(5, MAX_POLL_SECONDS))
    .option(
      '--eur-per <currency=rate...>',
      'EUR for one unit of a currency that it prices in, e.g. USD=0.86',
      rateOption,
    )
    .option(
      '--priority <rank>',
      'rank of its signals beside feeds, whose default is 100; the lowest counts',
      wholeNumber(0, MAX_PRIORITY),
    )
    .option('--callback-url <url>', 'where the server reaches this API, for notifications')
    .option('--token-url <url>', 'where tokens come from, when the server names another host')
    .option('--broker-host <hosts...>', 'hosts of MQTT brokers that the server may name beside its own', [])
    .option('--ca <file>', 'certificates of a private authority, PEM')
    .option('--insecure', 'do not verify the server’s certificate')
    .option('--no-wait', 'do not wait until it has been tried')
    .option('--json', 'print JSON')
    .action(async (options: ConnectOptions) => {
      const grid = await openGrid(options);
      const stored = await grid.connect(options.id ?? idOf(options.vtn), await bodyOf(options));
      const connection = options.wait ? await tried(grid, stored) : stored;
      const trouble = options.wait ? troubleOf(connection) : null;
      const text = trouble === null ? followedText(connection) : `${connection.id} is stored, but ${trouble}\n`;
      terminal.out(options.json ? `${JSON.stringify(connection, null, 2)}\n` : text);
      done(trouble === null ? EXIT_CODES.ok : EXIT_CODES.failed);
    });

async function bodyOf(options: ConnectOptions): Promise<Record<string, unknown>> {
  const clientSecret = options.clientSecret ?? process.env['NIGHTSHIFT_CLIENT_SECRET'];
  return {
    vtn_url: options.vtn,
    region: options.region,
    feeders: options.feeder,
    programs: options.program,
    targets: options.target,
    scopes: options.scope,
    broker_hosts: options.brokerHost,
    verify_tls: options.insecure !== true,
    ...(options.clientId !== undefined && {
      client_id: options.clientId,
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
    }),
    ...(options.venName !== undefined && { ven_name: options.venName }),
    ...(options.poll !== undefined && { poll_seconds: options.poll }),
    ...(options.eurPer !== undefined && { eur_per: options.eurPer }),
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(options.callbackUrl !== undefined && { callback_url: options.callbackUrl }),
    ...(options.tokenUrl !== undefined && { token_url: options.tokenUrl }),
    ...(options.ca !== undefined && { ca: await readFile(options.ca, 'utf8') }),
  };
}

/** The connection when it has been tried for the first time: token, ven and events. */
async function tried(grid: GridClient, stored: GridConnectionWire): Promise<GridConnectionWire> {
  const endRealMs = Date.now() + TRIED_WITHIN_REAL_MS;
  let connection = stored;
  while (connection.status === null && Date.now() < endRealMs) {
    await delay(LOOK_EVERY_REAL_MS);
    connection = await grid.connection(stored.id);
  }
  return connection;
}

function troubleOf({ status }: GridConnectionWire): string | null {
  if (status === null) {
    return `was not tried within ${TRIED_WITHIN_REAL_MS / 1000} s: is the control process running, and does the server answer?`;
  }
  const failure = status.failure ?? status.registration_failure;
  return failure === null ? null : `does not work yet, and is tried again: ${failure}`;
}

function followedText({ id, region, status }: GridConnectionWire): string {
  const found =
    status === null ? '' : `: ${status.programs} programs, ${status.events} events, ${status.refused} refused`;
  return `${id} is followed for ${region}${found}\n`;
}

function rateOption(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [, currency, rate] = /^([A-Z]{3})=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (currency === undefined || !(Number(rate) > 0)) {
    throw new InvalidArgumentError('It must be a currency and EUR for one unit of it, e.g. USD=0.86.');
  }
  return { ...before, [currency]: Number(rate) };
}

/** A connection is called after its host unless it is given a name. */
function idOf(vtnUrl: string): string {
  const host = URL.canParse(vtnUrl) ? new URL(vtnUrl).hostname : vtnUrl;
  return host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
