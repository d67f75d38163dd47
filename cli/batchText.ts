import type { BatchWire } from '../api/wire/batch.ts';
import type { QuoteWire } from '../api/wire/quote.ts';
import type { Terminal } from './terminal.ts';

type Colors = Terminal['colors'];

const BAR_WIDTH = 32;
const WINDOWS_SHOWN = 6;
const HEIGHTS = ' ▁▂▃▄▅▆▇█';

/** How far the batch is, when it will be done, where it runs and why it waits. */
export function batchText(batch: BatchWire, clock: (iso: string) => string, colors: Colors): string {
  const { request_counts: counts, x_grid: grid } = batch;
  const lines = [
    `${colors.bold(batch.id)}  ${stateText(batch, colors)}  ${batch.endpoint}`,
    `  ${progressBar(batch, colors)} ${percentOf(counts)} %, ${counts.completed + counts.failed} of ${counts.total} requests` +
      (counts.failed > 0 ? colors.red(`, ${counts.failed} failed`) : ''),
  ];
  if (grid.shards) {
    const { total, done, in_flight: inFlight } = grid.shards;
    lines.push(`  shards     ${done} of ${total} done, ${inFlight} with cars`);
  }
  if (grid.cells.length > 1) {
    const parts = grid.cells.map(({ cell, shards, eur_per_shard: eur }) => {
      return `${shards} in ${cell}${eur === null ? '' : ` at ${eur.toFixed(4)} EUR a shard`}`;
    });
    lines.push(`  cells      ${parts.join(', ')}`);
  }
  const label =
    grid.clock.scale === 1 ? '' : colors.dim(` (grid time, ${grid.clock.scale} times as fast as real time)`);
  lines.push(
    `  due        ${clock(grid.deadline)}${grid.eta ? `, expected by ${colors.bold(clock(grid.eta))}` : ''}${label}`,
  );
  for (const { text } of grid.reasons) lines.push(`  ${colors.dim('why')}        ${text}`);
  lines.push(...planTimeline(batch, clock, colors), ...windowLines(grid.planned_windows, clock));
  if (grid.energy_wh > 0) {
    lines.push(
      `  used       ${figure(grid.energy_wh)} Wh, ${figure(grid.gco2)} g CO2, ${figure(grid.cost.eur)} EUR of energy`,
      ...(grid.price ? [`  price      ${priceText(grid.price)}`] : []),
    );
  }
  if (batch.usage) {
    const { input_tokens: read, output_tokens: written } = batch.usage;
    lines.push(`  tokens     ${read} read, ${written} written${per1000Text(grid.per_1000_tokens)}`);
  }
  const left = counts.total - counts.completed;
  if (grid.state === 'ended' && batch.status !== 'failed' && left > 0) {
    lines.push(
      `  left       ${left} requests; submit them again: ${colors.bold(`nightshift batch resubmit ${batch.id}`)}`,
    );
  }
  for (const error of batch.errors?.data.slice(0, WINDOWS_SHOWN) ?? []) {
    lines.push(colors.red(`  line ${error.line ?? '-'}: ${error.code}: ${error.message}`));
  }
  return lines.join('\n');
}

/** One line of a list. */
export function batchLine(batch: BatchWire, clock: (iso: string) => string, colors: Colors): string {
  const { completed, failed, total } = batch.request_counts;
  const done = `${completed + failed}/${total}`.padStart(13);
  const eta = batch.x_grid.eta ? `expected ${clock(batch.x_grid.eta)}` : `due ${clock(batch.x_grid.deadline)}`;
  return `${batch.id}  ${stateText(batch, colors)}${done}  ${eta}  ${batch.endpoint}`;
}

export function quoteText(quote: QuoteWire, clock: (iso: string) => string, colors: Colors): string {
  const sure = `${(quote.confidence.probability * 100).toFixed(0)} % of ${quote.confidence.scenarios} scenarios`;
  const when = quote.feasible && quote.eta ? `done by ${clock(quote.eta)}` : 'not done by its deadline';
  return [
    `${quote.feasible ? colors.green('feasible') : colors.red('not feasible')}: ${quote.requests} requests in ${quote.shards} shards, ${when} (due ${clock(quote.deadline)})`,
    `  on time in ${sure}, where ${quote.confidence.assumption}`,
    `  adds ${figure(quote.energy_wh)} Wh, ${figure(quote.gco2)} g CO2, ${figure(quote.cost.eur)} EUR of energy`,
    `  price ${quote.price.amount.toFixed(4)} ${quote.price.currency} at most${quote.id === null ? '' : `, kept for grid.quote=${quote.id} until ${quote.price.kept_until}`}`,
    ...(quote.tokens === null ? [] : [`  about      ${quote.tokens} tokens${per1000Text(quote.per_1000_tokens)}`]),
    ...quote.reasons.map(({ text }) => `  ${colors.dim('why')}        ${text}`),
    ...windowLines(quote.windows, clock),
  ].join('\n');
}

const THREE_DIGITS = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3, useGrouping: false });

/** Ten requests and ten thousand are both told: fixed digits would make the former 0. */
function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : THREE_DIGITS.format(value);
}

function per1000Text(per: BatchWire['x_grid']['per_1000_tokens']): string {
  return per ? `, ${per.energy_wh.toPrecision(3)} Wh and ${per.gco2.toPrecision(3)} g CO2 per 1,000` : '';
}

function windowLines(windows: QuoteWire['windows'], clock: (iso: string) => string): string[] {
  const lines = windows
    .slice(0, WINDOWS_SHOWN)
    .map(
      ({ start, end, region, shards, price_eur_per_kwh: price, gco2_per_kwh: grams }) =>
        `  planned    ${clock(start)} to ${clock(end)} in ${region}: ${shards} shards at ${price.toFixed(3)} EUR/kWh, ${grams.toFixed(0)} g/kWh`,
    );
  if (windows.length > WINDOWS_SHOWN) lines.push(`             and ${windows.length - WINDOWS_SHOWN} more windows`);
  return lines;
}

/** Answered requests, then, in the share of their shards, those that are with cars now. */
function priceText({ amount, currency, cap, estimate }: NonNullable<BatchWire['x_grid']['price']>): string {
  const most = cap === null ? '' : `, at most ${cap.toFixed(4)}`;
  return `${amount.toFixed(4)} ${currency} so far${most}${estimate === null ? '' : `, expected ${estimate.toFixed(4)}`}`;
}

function progressBar({ request_counts: counts, x_grid: { shards } }: BatchWire, colors: Colors): string {
  const { total, completed, failed } = counts;
  const answered = total === 0 ? 0 : Math.floor(((completed + failed) / total) * BAR_WIDTH);
  const withCars = shards && shards.total > 0 ? Math.ceil((shards.in_flight / shards.total) * BAR_WIDTH) : 0;
  const moving = Math.min(withCars, BAR_WIDTH - answered);
  return (
    colors.cyan('█'.repeat(answered)) +
    colors.cyan('▒'.repeat(moving)) +
    colors.dim('░'.repeat(BAR_WIDTH - answered - moving))
  );
}

function percentOf({ total, completed, failed }: BatchWire['request_counts']): number {
  return total === 0 ? 0 : Math.floor(((completed + failed) / total) * 100);
}

/** Where and when it runs, from its submission to its deadline: a row a region, higher where more shards are planned. */
function planTimeline({ x_grid: grid }: BatchWire, clock: (iso: string) => string, colors: Colors): string[] {
  const { planned_windows: windows, submitted_at: submitted, deadline } = grid;
  const startMs = Date.parse(submitted);
  const columnMs = (Date.parse(deadline) - startMs) / BAR_WIDTH;
  if (windows.length === 0 || columnMs <= 0) return [];
  const rows = new Map<string, number[]>();
  for (const { start, end, region, shards } of windows) {
    const row = rows.get(region) ?? Array.from({ length: BAR_WIDTH }, () => 0);
    rows.set(region, row);
    const from = Math.max(0, Math.floor((Date.parse(start) - startMs) / columnMs));
    const until = Math.min(BAR_WIDTH, Math.max(from + 1, Math.ceil((Date.parse(end) - startMs) / columnMs)));
    for (let column = from; column < until; column++) row[column] = (row[column] ?? 0) + shards / (until - from);
  }
  const most = Math.max(...[...rows.values()].flat());
  const name = Math.max(...[...rows.keys()].map((region) => region.length));
  const drawn = [...rows].map(([region, row]) => {
    const heights = row.map((shards) => HEIGHTS[Math.ceil((shards / most) * (HEIGHTS.length - 1))] ?? ' ').join('');
    return `  ${colors.green(heights)} ${region.padEnd(name)}`;
  });
  return [...drawn, colors.dim(`  ${clock(submitted).padEnd(BAR_WIDTH - clock(deadline).length)}${clock(deadline)}`)];
}

function stateText({ status, x_grid: { state } }: BatchWire, colors: Colors): string {
  const word = (state === 'ended' ? status : state).padEnd(10);
  if (state === 'running') return colors.cyan(word);
  if (state === 'paused' || state === 'waiting') return colors.yellow(word);
  if (status === 'completed') return colors.green(word);
  return state === 'ended' ? colors.red(word) : word;
}
