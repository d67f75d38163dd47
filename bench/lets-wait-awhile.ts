import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { DateTime } from 'luxon';

import { messageOf } from '../domain/thrown.ts';
import { readCarbonSeries, readJobs } from './letsWaitAwhile/files.ts';
import { deferralSavings, type DeferralSavings } from './letsWaitAwhile/savings.ts';

/**
 * Scenario II of "Let's Wait Awhile" (arXiv 2110.13234): jobs that may pause go through `planCell` one by one, which
 * takes some seconds. docs/evaluation.md has the published figures and what the files must look like.
 */
const options = new Command('lets-wait-awhile')
  .requiredOption('--carbon <file>', 'CSV: Time (UTC), Carbon Intensity (gCO2/kWh); any regular step')
  .requiredOption('--jobs <file>', 'CSV: arrival_min, duration_min, in whole half hours after --from')
  .option('--from <instant>', 'first half hour, UTC', '2020-01-01T00:00')
  .option('--json', 'print JSON')
  .parse()
  .opts<{ carbon: string; jobs: string; from: string; json?: true }>();

try {
  const from = DateTime.fromISO(options.from, { zone: 'utc' });
  if (!from.isValid) throw new Error(`--from must be a time such as 2020-01-01T00:00, is ${options.from}`);
  const startMs = from.toMillis();
  const { carbon, ...series } = readCarbonSeries(await readFile(options.carbon, 'utf8'), options.carbon, startMs);
  const jobs = readJobs(await readFile(options.jobs, 'utf8'), options.jobs, startMs);
  const savings = deferralSavings(carbon, jobs);
  const steps = carbon.axis.count;
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...savings, steps, ...series }, null, 2)}\n` : words(savings),
  );
} catch (thrown) {
  process.stderr.write(`lets-wait-awhile: ${messageOf(thrown)}\n`);
  process.exitCode = 2;
}

function words(savings: DeferralSavings): string {
  return (
    `${savings.jobs} jobs (${savings.jobsBeyondSeries} left out, since they may end behind the series)\n` +
    `% saved${'not paused'.padStart(23)}${'paused'.padStart(16)}\n` +
    line('next workday', savings.nextWorkday) +
    line('semi-weekly', savings.semiWeekly)
  );
}

function line(rule: string, pair: DeferralSavings['nextWorkday']): string {
  return `${rule.padEnd(14)}${pair.nonInterrupting.toFixed(6).padStart(16)}${pair.interrupting.toFixed(6).padStart(16)}\n`;
}
