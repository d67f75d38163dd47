import { Command } from 'commander';

import type { CarClient } from '../../api/client/carClient.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom, wholeNumber } from '../numberOption.ts';
import { addDetect } from './trustDetect.ts';

interface SimulateOptions {
  readonly cars: number;
  readonly liars: number;
  readonly days: number;
  readonly shards: number;
  readonly lines: number;
  readonly seed: number;
  readonly lineShare?: number;
  readonly minProbability?: number;
  readonly json?: true;
}

export const trustCommand: CommandFactory = (terminal, done) => {
  const trust = new Command('trust').description('check what cars answer, and say what checking finds and costs');
  trust
    .command('simulate')
    .description('let a fleet with liars of six kinds answer batches, and check it by the code that checks real cars')
    .option('--cars <count>', 'cars', wholeNumber(1, 100_000), 1_000)
    .option('--liars <percent>', 'of the cars, percent', wholeNumber(0, 100), 5)
    .option('--days <count>', 'days, each with its batches', wholeNumber(1, 365), 14)
    .option('--shards <count>', 'shards of a car and day', wholeNumber(1, 1_000), 40)
    .option('--lines <count>', 'lines of a shard', wholeNumber(1, 10_000), 200)
    .option('--seed <number>', 'the same seed gives the same fleet', wholeNumber(0, 2 ** 31), 1)
    .option('--line-share <share>', 'of the lines of a checked shard; left out: as the default policy', numberFrom(0))
    .option(
      '--min-probability <share>',
      'least for a shard to be checked; left out: as the default policy',
      numberFrom(0),
    )
    .option('--json', 'print JSON')
    .action(async (options: SimulateOptions) => {
      const { simulateTrust } = await import('../../simulator/dishonestFleet.ts');
      const { checkPolicySchema, DEFAULT_CHECK_POLICY } = await import('../../domain/trust/checkPolicy.ts');
      const policy = checkPolicySchema.parse({
        ...DEFAULT_CHECK_POLICY,
        ...(options.lineShare !== undefined && { line_share: options.lineShare }),
        ...(options.minProbability !== undefined && { min_probability: options.minProbability }),
      });
      const outcome = await simulateTrust({
        cars: options.cars,
        liarShare: options.liars / 100,
        days: options.days,
        shardsPerCarAndDay: options.shards,
        linesPerShard: options.lines,
        seed: options.seed,
        policy,
      });
      const { trustText } = await import('../trustText.ts');
      terminal.out(options.json ? `${JSON.stringify(outcome, null, 2)}\n` : trustText(outcome, terminal));
      done(outcome.honestQuarantined === 0 ? EXIT_CODES.ok : EXIT_CODES.failed);
    });
  addDetect(trust, terminal, done);
  withApiOptions(trust.command('list'))
    .description('cars in quarantine, those whose owners appeal first')
    .option('--json', 'print JSON')
    .action(async (options: Reached) => {
      const found = await (await reach(options)).quarantines();
      const { quarantinesText } = await import('../carTrustText.ts');
      terminal.out(options.json ? asJson(found) : quarantinesText(found, terminal));
    });
  for (const [name, release] of [
    ['release', true],
    ['uphold', false],
  ] as const) {
    withApiOptions(trust.command(name))
      .description(release ? 'end a car’s quarantine; it is on probation then' : 'uphold a car’s quarantine')
      .argument('<vin>')
      .argument('<text>', 'why, as its owner reads it')
      .option('--json', 'print JSON')
      .action(async (vin: string, text: string, options: Reached) => {
        const found = await (await reach(options)).resolveQuarantine(vin, { text, release });
        const { carTrustText } = await import('../carTrustText.ts');
        terminal.out(options.json ? asJson(found) : carTrustText(found, terminal));
      });
  }
  for (const [name, trusted] of [
    ['rely-on', true],
    ['no-longer-rely-on', false],
  ] as const) {
    withApiOptions(trust.command(name))
      .description(
        trusted ? 'trust a car of yours: its answers measure the tolerance of its class' : 'judge a car again',
      )
      .argument('<vin>')
      .option('--json', 'print JSON')
      .action(async (vin: string, options: Reached) => {
        const found = await (await reach(options)).setTrusted(vin, trusted);
        const { carTrustText } = await import('../carTrustText.ts');
        terminal.out(options.json ? asJson(found) : carTrustText(found, terminal));
      });
  }
  withApiOptions(trust.command('policy'))
    .description('print how answers are checked and what that costs, or set it for a tenant, a model, both, or all')
    .option('--set <file>', 'JSON file with the whole policy')
    .option('--unset', 'take the policy of this scope back')
    .option('--tenant <id>', 'of one tenant only')
    .option('--model <name>', 'of one model only')
    .action(async (options: PolicyOptions) => {
      const client = await reach(options);
      const scope = { tenant: options.tenant ?? null, model: options.model ?? null };
      const { readJsonObject } = await import('../files/readJsonObject.ts');
      const policy = options.set === undefined ? null : await readJsonObject(options.set);
      const isSet = policy !== null || options.unset === true;
      terminal.out(asJson(isSet ? await client.setCheckPolicy(scope, policy) : await client.checkPolicies()));
    });
  return trust;
};

interface Reached extends ApiOptions {
  readonly json?: true;
}

interface PolicyOptions extends ApiOptions {
  readonly set?: string;
  readonly unset?: true;
  readonly tenant?: string;
  readonly model?: string;
}

async function reach(options: ApiOptions): Promise<CarClient> {
  const { CarClient } = await import('../../api/client/carClient.ts');
  return new CarClient(await openApi(options));
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
