import { Command, Option } from 'commander';

import { PRICE_FORECASTS, type BacktestOptions } from '../../backtest/scenario.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom, wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';

interface CommandOptions extends BacktestOptions {
  readonly sessions: string;
  readonly signals: string;
  readonly temperatureColumn?: string;
  readonly shiftDays: number;
  readonly from?: string;
  readonly to?: string;
  readonly nights?: string;
  readonly json?: true;
}

const MAX_SHIFT_DAYS = 36_500;

export const backtestCommand: CommandFactory = (terminal, done) =>
  new Command('backtest')
    .description(
      'live through recorded nights with the planner and with simpler policies, and compare (docs/evaluation.md)',
    )
    .requiredOption('--sessions <file>', 'charging sessions, CSV (backtest/traces/sessions.ts has the columns)')
    .requiredOption(
      '--signals <file>',
      'price, carbon and temperature, CSV (backtest/traces/signals.ts has the columns)',
    )
    .option('--temperature-column <name>', 'column of the signals; left out: the first that begins with temp_c')
    .option('--time-zone <zone>', 'IANA zone of the sessions’ clock', 'Europe/Oslo')
    .option('--market-zone <zone>', 'IANA zone whose days the day-ahead auction sells', 'Europe/Berlin')
    .option('--shift-days <n>', 'move every session by so many days', wholeNumber(-MAX_SHIFT_DAYS, MAX_SHIFT_DAYS), 0)
    .option('--from <date>', 'first night; left out: the first that the signals cover')
    .option('--to <date>', 'day on which the last night ends')
    .addOption(
      new Option('--ready-by <rule>', 'habit: learnt from earlier nights; departure: owners state when they leave')
        .choices(['habit', 'departure'])
        .default('habit'),
    )
    .addOption(
      new Option(
        '--prices <rule>',
        'the planner’s prices: as the auction publishes them, or the same hour of an earlier day',
      )
        .choices(PRICE_FORECASTS)
        .default('published'),
    )
    .option('--missing-eur-per-kwh <eur>', 'what a kWh is worth that a car leaves without', numberFrom(0), 0.6)
    .option('--late-eur-per-shard <eur>', 'what a late shard is worth', numberFrom(0), 0.05)
    .option('--replan-minutes <n>', 'longest time between two plans', wholeNumber(15, 1440), 60)
    .option('--carbon-eur-per-kg <eur>', 'what a kilogram of CO2 counts for', numberFrom(0), 0.1)
    .option(
      '--feeder-share <part>',
      'part of a site’s charger power that its feeder carries at once',
      numberFrom(0),
      0.4,
    )
    .option('--job-share <part>', 'part of the fleet’s compute that a night’s batch asks for', numberFrom(0), 0.2)
    .option('--seed <n>', 'draws the computers of the cars', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--nights <file>', 'write every night and policy as CSV')
    .option('--json', 'print JSON')
    .action(async (options: CommandOptions) => {
      const { readTextFile } = await import('../files/readTextFile.ts');
      const { clockText } = await import('../clockText.ts');
      const { readSessions } = await import('../../backtest/traces/sessions.ts');
      const { readSignals } = await import('../../backtest/traces/signals.ts');
      const { createScenario } = await import('../../backtest/scenario.ts');
      const { backtest } = await import('../../backtest/backtest.ts');
      const { nightsCsv, resultTable } = await import('../../backtest/results.ts');
      // Both are asked for only to refuse a zone that does not exist before it gives wrong instants.
      for (const zone of [options.timeZone, options.marketZone]) clockText(zone, 'HH:mm');

      const sessions = readSessions(await readTextFile(options.sessions), options.sessions, options);
      const signals = readSignals(await readTextFile(options.signals), options.signals, options.temperatureColumn);
      const scenario = createScenario(sessions, signals, options, options);
      const { incomplete, backwards } = sessions.skipped;
      terminal.err(
        `${scenario.stays.length} stays in ${scenario.siteLimitKw.size} sites, ${scenario.jobs.length} batches; ` +
          `${scenario.earlier.length} earlier stays to learn from; left out: ${incomplete} incomplete, ${backwards} backwards\n`,
      );
      const results = await backtest(scenario, (policy, night) => {
        // One line a month keeps a year readable.
        if (night === '' || night.endsWith('-01')) terminal.err(`${policy} ${night}\n`);
      });
      if (options.nights !== undefined) {
        const { writeTextFile } = await import('../files/writeFiles.ts');
        await writeTextFile(options.nights, nightsCsv(results));
      }
      terminal.out(options.json ? `${JSON.stringify(results, null, 2)}\n` : resultTable(results, options));
      done(EXIT_CODES.ok);
    });
