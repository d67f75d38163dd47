import type { Command } from 'commander';
import { z } from 'zod';

import { disputeSchema, type DisputeWire } from '../../api/wire/disputes.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { Terminal } from '../terminal.ts';

interface Reached extends ApiOptions {
  readonly owner?: string;
  readonly json?: true;
}

interface ResolveOptions extends Reached {
  readonly uphold?: true;
  readonly reject?: true;
  readonly keep?: string;
  readonly of: string;
  readonly give?: string;
  readonly currency?: string;
}

/** What a list of the API answers. */
export function listOf<Schema extends z.ZodType>(schema: Schema) {
  return z.object({ data: z.array(schema) });
}

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Adds `open`, `list` and `resolve`. */
export function addDisputes(dispute: Command, terminal: Terminal): void {
  const print = (found: unknown, { json }: Reached): void => {
    const parsed = disputeSchema.parse(found);
    terminal.out(json ? asJson(parsed) : disputeText(parsed));
  };
  withApiOptions(dispute.command('open'))
    .description('say that a booking is wrong; it is neither paid out nor billed until that is decided')
    .argument('<booking>', 'as statements and "billing bookings" name it, e.g. B123')
    .argument('<text>', 'what is wrong, as both sides read it')
    .option('--owner <id>', 'on behalf of an owner; left out: of the key’s tenant')
    .option('--json', 'print JSON')
    .action(async (booking: string, text: string, options: Reached) => {
      print(await (await openApi(options)).json('POST', pathOf(options), { booking, text }), options);
    });
  withApiOptions(dispute.command('list'))
    .description('disputes of the key’s tenant or of an owner, newest first; --all those of everybody')
    .option('--owner <id>', 'of an owner')
    .option('--all', 'of everybody, for the operator')
    .option('--json', 'print JSON')
    .action(async (options: Reached & { all?: true }) => {
      const path = options.all ? '/ops/v1/disputes' : pathOf(options);
      const { data } = listOf(disputeSchema).parse(await (await openApi(options)).json('GET', path));
      terminal.out(options.json ? asJson(data) : data.map(disputeText).join('') || 'No disputes.\n');
    });
  withApiOptions(dispute.command('resolve'))
    .description('decide a dispute, for the operator: --uphold or --reject')
    .argument('<id>')
    .argument('<text>', 'why, as both sides read it')
    .option('--uphold', 'the one who opened it is right')
    .option('--reject', 'nothing changes')
    .option('--keep <share>', 'take the booking back down to this share of it, e.g. 0.5')
    .option('--of <whose>', 'with --keep: all gives the price back too, pay takes from the owner only', 'all')
    .option('--give <amount>', 'give the one who opened it so much more')
    .option('--currency <code>', 'of --give')
    .option('--json', 'print JSON')
    .action(async (id: string, text: string, options: ResolveOptions) => {
      const { uphold, reject, keep, of, give, currency } = options;
      if ((uphold === true) === (reject === true)) {
        throw new NightshiftError('invalid_request', 'Say either --uphold or --reject.', { field: 'outcome' });
      }
      const body = {
        outcome: uphold ? 'upheld' : 'rejected',
        text,
        ...(keep !== undefined && { take_back: { keep: Number(keep), of } }),
        ...(give !== undefined && { give: { amount: give, currency } }),
      };
      const path = `/ops/v1/disputes/${encodeURIComponent(id)}/resolve`;
      print(await (await openApi(options)).json('POST', path, body), options);
    });
}

function pathOf({ owner }: Reached): string {
  return owner === undefined ? '/v1/organization/disputes' : `/fleet/v1/owners/${encodeURIComponent(owner)}/disputes`;
}

function disputeText(dispute: DisputeWire): string {
  const { id, booking, opened_by: by, text, status, answer, lines, evidence, receipts, checks } = dispute;
  const amounts = lines.map(({ item, amount, currency }) => `${item} ${amount} ${currency}`);
  return [
    `${id}  ${status}: ${by} about ${booking} (${amounts.join(', ')})`,
    `  ${text}`,
    ...(answer === null ? [] : [`  answer: ${answer}`]),
    ...evidence.map(
      (each) =>
        `  had the shard from ${each.handed_out_at} to ${each.stored_until}: paid ${each.paid_wh} Wh, ` +
        `the meter counted ${(each.metered_compute_kwh * 1000).toFixed(1)} Wh`,
    ),
    ...(receipts.length === 0 ? [] : [`  ${receipts.length} accepted parts`]),
    ...checks.map(
      (each) => `  checked ${each.at}: ${each.differing} of ${each.checked} lines differed, ${each.verdict}`,
    ),
    '',
  ].join('\n');
}
