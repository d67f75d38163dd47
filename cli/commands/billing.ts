import { Command } from 'commander';

import { invoiceSchema, tenantLineSchema, type InvoiceWire } from '../../api/wire/invoices.ts';
import { marginSchema } from '../../api/wire/margins.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { tableOf } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addDisputes, asJson, listOf } from './disputes.ts';

interface Reached extends ApiOptions {
  readonly json?: true;
}

/** Invoices, bookings, disputes and margins. */
export const billingCommand: CommandFactory = (terminal) => {
  const billing = new Command('billing').description('invoices, what was booked for a tenant, disputes, and margins');
  addInvoices(billing.command('invoice').description('issue, list and print invoices'), terminal);
  withApiOptions(billing.command('bookings'))
    .description('what was booked on the account of the key’s tenant, newest first')
    .option('--batch <id>', 'of one batch')
    .option('--json', 'print JSON')
    .action(async (options: Reached & { batch?: string }) => {
      const query = options.batch === undefined ? '' : `?batch=${encodeURIComponent(options.batch)}`;
      const found = await (await openApi(options)).json('GET', `/v1/organization/bookings${query}`);
      const { data } = listOf(tenantLineSchema).parse(found);
      if (options.json) return terminal.out(asJson(data));
      const rows = data.map((line) => [
        line.booking,
        line.booked_at.slice(0, 16),
        line.batch ?? '',
        line.item,
        line.quantity === null ? '' : `${line.quantity} ${line.unit ?? ''}`.trim(),
        `${line.amount} ${line.currency}`,
        line.reason ?? '',
      ]);
      terminal.out(tableOf(['booking', 'at', 'batch', 'item', 'quantity', 'amount', 'why'], rows, terminal.colors));
    });
  withApiOptions(billing.command('margins'))
    .description('what work and stays brought and cost, for the operator')
    .requiredOption('--start <time>', 'grid time, RFC 3339')
    .requiredOption('--end <time>', 'grid time, RFC 3339, not included')
    .option('--by <group>', 'region, hour of the day (UTC) or model', 'region')
    .option('--json', 'print JSON')
    .action(async (options: Reached & { start: string; end: string; by: string }) => {
      const query = new URLSearchParams({ start: options.start, end: options.end, group_by: options.by });
      const found = await (await openApi(options)).json('GET', `/ops/v1/margins?${query.toString()}`);
      const { data } = listOf(marginSchema).parse(found);
      if (options.json) return terminal.out(asJson(data));
      const rows = data.map(({ group, currency, ...amounts }) => [
        group || '-',
        currency,
        ...[amounts.submitters, amounts.owners, amounts.energy, amounts.checking, amounts.margin, amounts.canaries].map(
          (amount) => amount.toFixed(2),
        ),
      ]);
      const heads = [options.by, 'currency', 'submitters', 'owners', 'energy', 'checking', 'margin', 'canaries'];
      terminal.out(tableOf(heads, rows, terminal.colors));
    });
  addDisputes(billing.command('dispute').description('say that a booking is wrong, and decide it'), terminal);
  return billing;
};

function addInvoices(invoice: Command, terminal: Terminal): void {
  const print = (found: unknown, { json }: Reached): void => {
    const { data } = listOf(invoiceSchema).parse(found);
    terminal.out(json ? asJson(data) : data.map(invoiceLine).join('') || 'No invoices.\n');
  };
  withApiOptions(invoice.command('issue'))
    .description('issue the invoices of a month that is over; those that are issued stay as they are')
    .requiredOption('--period <month>', 'e.g. 2026-01')
    .option('--json', 'print JSON')
    .action(async (options: Reached & { period: string }) => {
      print(await (await openApi(options)).json('POST', '/ops/v1/invoices', { period: options.period }), options);
    });
  withApiOptions(invoice.command('list'))
    .description('invoices of the key’s tenant, newest first')
    .option('--json', 'print JSON')
    .action(async (options: Reached) => {
      print(await (await openApi(options)).json('GET', '/v1/organization/invoices'), options);
    });
  withApiOptions(invoice.command('show'))
    .description('print an invoice of the key’s tenant; a PDF is for a file: > invoice.pdf')
    .argument('<number>')
    .option('--format <format>', 'json, csv or pdf', 'json')
    .action(async (number: string, options: Reached & { format: string }) => {
      const path = `/v1/organization/invoices/${encodeURIComponent(number)}?format=${encodeURIComponent(options.format)}`;
      const answer = await (await openApi(options)).call(path);
      if (options.format === 'pdf') process.stdout.write(Buffer.from(await answer.arrayBuffer()));
      else terminal.out(options.format === 'csv' ? await answer.text() : asJson(await answer.json()));
    });
}

function invoiceLine({ number, tenant, period, currency, net, tax, gross, lines }: InvoiceWire): string {
  const count = `${lines.length} ${lines.length === 1 ? 'line' : 'lines'}`;
  return `${number}  ${tenant}  ${period}  ${gross.toFixed(2)} ${currency} (net ${net.toFixed(2)}, tax ${tax.toFixed(2)}), ${count}\n`;
}
