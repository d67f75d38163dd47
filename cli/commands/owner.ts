import { readFile } from 'node:fs/promises';
import { Command } from 'commander';

import { noticesSchema, payoutRunSchema, type PayoutRunWire } from '../../api/wire/payouts.ts';
import { ownerStatementSchema } from '../../api/wire/statements.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface Reached extends ApiOptions {
  readonly json?: true;
}

const RUNS = '/ops/v1/payout_runs';

function command(parent: Command, name: string, description: string): Command {
  return withApiOptions(parent.command(name).description(description)).option('--json', 'print JSON');
}

/** What owners earned, and how they are paid. */
export const ownerCommand: CommandFactory = (terminal) => {
  const owner = new Command('owner').description('statements of owners, and payout runs');
  command(owner, 'statement', 'what an owner earned in a month or a year')
    .argument('<owner>')
    .requiredOption('--period <period>', 'a month, e.g. 2026-01, or a year')
    .option('--time-zone <zone>', 'IANA zone in which the period begins and ends', 'UTC')
    .option('--csv', 'print every line as CSV, e.g. for the tax return')
    .action(async (id: string, options: Reached & { period: string; timeZone: string; csv?: true }) => {
      const { period, timeZone, csv } = options;
      const query = new URLSearchParams({ period, timeZone, format: csv ? 'csv' : 'json' });
      const api = await openApi(options);
      const path = `/fleet/v1/owners/${encodeURIComponent(id)}/statement?${query.toString()}`;
      if (csv) return terminal.out(await (await api.call(path)).text());
      const statement = ownerStatementSchema.parse(await api.json('GET', path));
      if (options.json) return terminal.out(asJson(statement));
      for (const total of statement.totals) {
        const { currency, energy, wear, work, streak, availability, earned, paidOut } = total;
        terminal.out(
          `${period} in ${currency}: earned ${earned.toFixed(2)} = energy ${energy.toFixed(2)} + wear ${wear.toFixed(2)} + work ` +
            `${work.toFixed(2)} + streaks ${streak.toFixed(2)} + availability ${availability.toFixed(2)}\n` +
            `  ${total.computeKwh.toFixed(2)} kWh in ${total.shards} ${total.shards === 1 ? 'shard' : 'shards'}, ${total.availableHours.toFixed(1)} h available, ` +
            `paid out ${paidOut.toFixed(2)}\n`,
        );
      }
      const due = Object.entries(statement.balances).map(([currency, amount]) => `${amount.toFixed(2)} ${currency}`);
      terminal.out(
        `To get now: ${due.join(', ') || 'nothing'}; ${statement.lines.length} ${statement.lines.length === 1 ? 'line' : 'lines'}, --csv lists them with their bookings.\n`,
      );
    });

  command(owner, 'account', 'where an owner is paid to; kept sealed')
    .argument('<owner>')
    .requiredOption('--name <name>', 'of the account’s holder, as the bank has it')
    .requiredOption('--iban <iban>')
    .option('--bic <bic>')
    .action(async (id: string, options: Reached & { name: string; iban: string; bic?: string }) => {
      const { name, iban, bic } = options;
      const path = `/fleet/v1/owners/${encodeURIComponent(id)}/account`;
      await (await openApi(options)).json('PUT', path, { name, iban, ...(bic !== undefined && { bic }) });
      terminal.out(`${id} is paid to the account that ends in ${iban.replaceAll(/\s/g, '').slice(-4)}.\n`);
    });

  addPayouts(owner.command('payout').description('pay owners: propose, confirm, file, paid'), terminal);
  return owner;
};

function addPayouts(payout: Command, terminal: Terminal): void {
  const print = (answer: unknown, { json }: Reached): void => {
    const run = payoutRunSchema.parse(answer);
    terminal.out(json ? asJson(run) : runText(run));
  };
  command(payout, 'propose', 'list what all owners would be paid; nothing is booked yet')
    .requiredOption('--currency <code>')
    .requiredOption('--on <date>', 'day on which the bank is to pay, YYYY-MM-DD')
    .option('--least <amount>', 'owners who have less to get wait', '0')
    .action(async (options: Reached & { currency: string; on: string; least: string }) => {
      const { currency, on, least } = options;
      const body = { currency, execution_date: on, min_amount: least };
      print(await (await openApi(options)).json('POST', RUNS, body), options);
    });
  for (const [name, description] of [
    ['confirm', 'order a run, with another key than the one that proposed it'],
    ['drop', 'give a proposal up'],
  ] as const) {
    command(payout, name, description)
      .argument('<run>')
      .action(async (id: string, options: Reached) => {
        print(await (await openApi(options)).json('POST', `${RUNS}/${encodeURIComponent(id)}/${name}`), options);
      });
  }
  command(payout, 'show', 'a run and what became of its payouts')
    .argument('<run>')
    .action(async (id: string, options: Reached) => {
      print(await (await openApi(options)).json('GET', `${RUNS}/${encodeURIComponent(id)}`), options);
    });
  command(payout, 'file', 'print a confirmed run as a payment file')
    .argument('<run>')
    .option('--csv', 'as CSV instead of pain.001.001.09')
    .action(async (id: string, options: Reached & { csv?: true }) => {
      const path = `${RUNS}/${encodeURIComponent(id)}/file?format=${options.csv ? 'csv' : 'pain.001'}`;
      terminal.out(await (await (await openApi(options)).call(path)).text());
    });
  command(payout, 'paid', 'say that the bank has executed a run, or some of its payouts')
    .argument('<run>')
    .argument('[payouts...]', 'all that are ordered unless given')
    .requiredOption('--on <date>', 'YYYY-MM-DD')
    .action(async (id: string, payouts: string[], options: Reached & { on: string }) => {
      const body = { settled_on: options.on, ...(payouts.length > 0 && { payouts }) };
      const path = `${RUNS}/${encodeURIComponent(id)}/paid`;
      printNotices(terminal, await (await openApi(options)).json('POST', path, body), options);
    });
  command(payout, 'import', 'take a bank’s camt.054 notification: what it paid and what came back')
    .argument('<file>')
    .action(async (file: string, options: Reached) => {
      const body = await readFile(file, 'utf8');
      const headers = { 'content-type': 'application/xml' };
      const answer = await (await openApi(options)).call('/ops/v1/payout_notices', { method: 'POST', body, headers });
      printNotices(terminal, await answer.json(), options);
    });
}

function runText({ id, status, currency, total, payouts, left_out: leftOut, ...run }: PayoutRunWire): string {
  const by = run.confirmed_by === null ? `proposed by ${run.proposed_by}` : `confirmed by ${run.confirmed_by}`;
  return [
    `${id}  ${status}, ${by}: ${payouts.length} payouts, ${total.toFixed(2)} ${currency} on ${run.execution_date}`,
    ...payouts.map(
      (each) =>
        `  ${each.id}  ${each.owner}  ${each.amount.toFixed(2)}  ${each.status}${each.reason ? `: ${each.reason}` : ''}`,
    ),
    ...leftOut.map(({ owner, amount, reason }) => `  not ${owner}: ${amount.toFixed(2)}, ${reason}`),
    '',
  ].join('\n');
}

function printNotices(terminal: Terminal, answer: unknown, { json }: Reached): void {
  const taken = noticesSchema.parse(answer);
  if (json) return terminal.out(asJson(taken));
  const { paid, returned, known_before: known, refused } = taken;
  terminal.out(
    `${paid.length} paid, ${returned.length} returned, ${known.length} known before, ${refused.length} refused\n`,
  );
  for (const { end_to_end_id: id, reason } of refused) terminal.out(`  ${id}: ${reason}\n`);
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
