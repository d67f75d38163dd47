import type { Quote, SubmittedBatch } from '../night/batchClient.ts';
import type { Terminal } from './terminal.ts';

type Colors = Terminal['colors'];

const BAR_WIDTH = 32;
const WINDOWS_SHOWN = 6;

/** How far the batch is, when it will be done, where it runs and why it waits. */
export function batchText(batch: SubmittedBatch, clock: (iso: string) => string, colors: Colors): string {
  const { request_counts: counts, x_grid: grid } = batch;
  const lines = [
    `${colors.bold(batch.id)}  ${stateText(batch, colors)}  ${batch.endpoint}`,
    `  ${progressBar(counts, colors)} ${counts.completed + counts.failed} of ${counts.total} requests` +
      (counts.failed > 0 ? colors.red(`, ${counts.failed} failed`) : ''),
  ];
  if (grid.shards) {
    const { total, done, in_flight: inFlight } = grid.shards;
    lines.push(`  shards     ${done} of ${total} done, ${inFlight} with cars`);
  }
  lines.push(`  due        ${clock(grid.deadline)}${grid.eta ? `, expected by ${colors.bold(clock(grid.eta))}` : ''}`);
  for (const { text } of grid.reasons) lines.push(`  ${colors.dim('why')}        ${text}`);
  lines.push(...windowLines(grid.planned_windows, clock));
  if (grid.energy_wh > 0) {
    lines.push(
      `  used       ${grid.energy_wh.toFixed(1)} Wh, ${grid.gco2.toFixed(1)} g CO2, ${grid.cost.eur.toFixed(4)} EUR`,
    );
  }
  for (const error of batch.errors?.data.slice(0, WINDOWS_SHOWN) ?? []) {
    lines.push(colors.red(`  line ${error.line ?? '-'}: ${error.code}: ${error.message}`));
  }
  return lines.join('\n');
}

/** One line of a list. */
export function batchLine(batch: SubmittedBatch, clock: (iso: string) => string, colors: Colors): string {
  const { completed, failed, total } = batch.request_counts;
  const done = `${completed + failed}/${total}`.padStart(13);
  const eta = batch.x_grid.eta ? `expected ${clock(batch.x_grid.eta)}` : `due ${clock(batch.x_grid.deadline)}`;
  return `${batch.id}  ${stateText(batch, colors)}${done}  ${eta}  ${batch.endpoint}`;
}

export function quoteText(quote: Quote, clock: (iso: string) => string, colors: Colors): string {
  const sure = `${(quote.confidence.probability * 100).toFixed(0)} % of ${quote.confidence.scenarios} scenarios`;
  const when = quote.feasible && quote.eta ? `done by ${clock(quote.eta)}` : 'not done by its deadline';
  return [
    `${quote.feasible ? colors.green('feasible') : colors.red('not feasible')}: ${quote.requests} requests in ${quote.shards} shards, ${when} (due ${clock(quote.deadline)})`,
    `  on time in ${sure}, where ${quote.confidence.assumption}`,
    `  adds ${quote.energy_wh.toFixed(0)} Wh, ${quote.gco2.toFixed(0)} g CO2, ${quote.cost.eur.toFixed(3)} EUR`,
    ...quote.reasons.map(({ text }) => `  ${colors.dim('why')}        ${text}`),
    ...windowLines(quote.windows, clock),
  ].join('\n');
}

function windowLines(windows: Quote['windows'], clock: (iso: string) => string): string[] {
  const lines = windows
    .slice(0, WINDOWS_SHOWN)
    .map(
      ({ start, end, region, shards, price_eur_per_kwh: price, gco2_per_kwh: grams }) =>
        `  planned    ${clock(start)} to ${clock(end)} in ${region}: ${shards} shards at ${price.toFixed(3)} EUR/kWh, ${grams.toFixed(0)} g/kWh`,
    );
  if (windows.length > WINDOWS_SHOWN) lines.push(`             and ${windows.length - WINDOWS_SHOWN} more windows`);
  return lines;
}

function progressBar({ total, completed, failed }: SubmittedBatch['request_counts'], colors: Colors): string {
  const filled = total === 0 ? 0 : Math.floor(((completed + failed) / total) * BAR_WIDTH);
  return colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(BAR_WIDTH - filled));
}

function stateText({ status, x_grid: { state } }: SubmittedBatch, colors: Colors): string {
  const word = (state === 'ended' ? status : state).padEnd(10);
  if (state === 'running') return colors.cyan(word);
  if (state === 'paused' || state === 'waiting') return colors.yellow(word);
  if (status === 'completed') return colors.green(word);
  return state === 'ended' ? colors.red(word) : word;
}
