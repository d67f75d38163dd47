import { Command } from 'commander';

import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom, wholeNumber } from '../numberOption.ts';

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
  return trust;
};
