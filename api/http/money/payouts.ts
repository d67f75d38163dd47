import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { bankAccountSchema } from '../../../domain/bankAccount.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { creditTransferXml, readNotification, type TransferNotice } from '../../../domain/creditTransfer.ts';
import { csvOf } from '../../../domain/csv.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { currencySchema, decimalOf, sumMicros, unitsOf } from '../../../domain/money.ts';
import { bankHolders, readBankAccounts, setBankAccount } from '../../../store/bankAccounts.ts';
import { listPayoutRuns, listPayouts, type Payout, type PayoutRun } from '../../../store/payouts.ts';
import { newPayoutRunSchema, noticesSchema, paidSchema, payoutRunSchema } from '../../wire/payouts.ts';
import type { ApiPorts } from '../ports.ts';
import { answers, errorResponses, idParam, notFound, taking } from '../wire.ts';
import { confirmRun, dropRun, proposeRun, takeNotice, type LeftOut, type NoticeOutcome } from './payoutRuns.ts';

const RUNS = '/ops/v1/payout_runs';
const MAX_RUNS = 100;
const runResponse = answers('The run', payoutRunSchema);

const proposeRoute = createRoute({
  method: 'post',
  path: RUNS,
  summary: 'Propose to pay all owners who have enough to get',
  request: taking(newPayoutRunSchema),
  responses: runResponse,
});
const listRoute = createRoute({
  method: 'get',
  path: RUNS,
  responses: answers('Newest first', z.object({ data: z.array(payoutRunSchema) })),
});
const showRoute = createRoute({
  method: 'get',
  path: `${RUNS}/{id}`,
  request: { params: idParam },
  responses: runResponse,
});
const confirmRoute = createRoute({
  method: 'post',
  path: `${RUNS}/{id}/confirm`,
  summary: 'Order a run’s payouts; with another key than the one that proposed it',
  request: { params: idParam },
  responses: runResponse,
});
const dropRoute = createRoute({
  method: 'post',
  path: `${RUNS}/{id}/drop`,
  summary: 'Give a proposal up',
  request: { params: idParam },
  responses: runResponse,
});
const fileRoute = createRoute({
  method: 'get',
  path: `${RUNS}/{id}/file`,
  summary: 'A confirmed run as a payment file, pain.001.001.09 or CSV; the same bytes each time',
  request: { params: idParam, query: z.object({ format: z.enum(['pain.001', 'csv']).default('pain.001') }) },
  responses: {
    200: {
      description: 'The file',
      content: { 'application/xml': { schema: z.string() }, 'text/csv': { schema: z.string() } },
    },
    ...errorResponses,
  },
});
const paidRoute = createRoute({
  method: 'post',
  path: `${RUNS}/{id}/paid`,
  summary: 'Say that payouts of a run were executed by the bank',
  request: { params: idParam, ...taking(paidSchema) },
  responses: answers('What became of each', noticesSchema),
});
const noticeRoute = createRoute({
  method: 'post',
  path: '/ops/v1/payout_notices',
  summary: 'Take a bank’s camt.054 notification; one that comes twice books nothing',
  request: { body: { required: true, content: { 'application/xml': { schema: z.string() } } } },
  responses: answers('What became of each', noticesSchema),
});
const accountRoute = createRoute({
  method: 'put',
  path: '/ops/v1/payout_accounts/{currency}',
  summary: 'The operator’s own account from which a currency is paid',
  request: { params: z.object({ currency: currencySchema }), ...taking(bankAccountSchema) },
  responses: answers('It is kept, sealed', z.object({ currency: z.string(), iban_ends_in: z.string() })),
});

/** Payouts to owners, for keys with the scope `money`. */
export function addPayoutRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, now, seal } = ports;
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));
  const wireOf = async (run: PayoutRun, leftOut: readonly LeftOut[] = []) =>
    toWire(run, await listPayouts(database, run.id), leftOut);
  const runOf = async (id: string): Promise<PayoutRun> => {
    const run = (await listPayoutRuns(database, MAX_RUNS)).find((each) => each.id === id);
    if (!run) throw notFound('payout run', id);
    return run;
  };

  app.openapi(proposeRoute, async (c) => {
    const { currency, min_amount: minMicros, execution_date: executionDate } = c.req.valid('json');
    const proposedBy = c.get('caller').keyId;
    const { run, leftOut } = await proposeRun(ports, { currency, minMicros, executionDate, proposedBy });
    return c.json(await wireOf(run, leftOut), 200);
  });
  app.openapi(listRoute, async (c) => {
    const runs = await listPayoutRuns(database, MAX_RUNS);
    return c.json({ data: await Promise.all(runs.map((run) => wireOf(run))) }, 200);
  });
  app.openapi(showRoute, async (c) => c.json(await wireOf(await runOf(c.req.valid('param').id)), 200));
  app.openapi(confirmRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(await wireOf(await confirmRun(ports, id, c.get('caller').keyId, gridNowMs())), 200);
  });
  app.openapi(dropRoute, async (c) => c.json(await wireOf(await dropRun(ports, c.req.valid('param').id)), 200));

  app.openapi(fileRoute, async (c) => {
    const run = await runOf(c.req.valid('param').id);
    if (run.status !== 'confirmed') {
      throw new NightshiftError('conflict', `Run ${run.id} is ${run.status}; a file is of a confirmed one.`, {
        field: 'id',
      });
    }
    const payouts = (await listPayouts(database, run.id)).filter(({ status }) => status !== 'dropped');
    const debtorHolder = bankHolders.operator(run.currency);
    const holders = payouts.map(({ ownerId }) => bankHolders.owner(ownerId));
    const known = await readBankAccounts(database, seal, [debtorHolder, ...holders]);
    const accountOf = (holder: string) => {
      const account = known.get(holder);
      if (account) return account;
      throw new NightshiftError('conflict', `No bank account of ${holder} is known.`, { field: 'id' });
    };
    const orders = payouts.map((payout) => ({
      endToEndId: payout.id,
      creditor: accountOf(bankHolders.owner(payout.ownerId)),
      amountMicros: payout.amountMicros,
      remittance: `Nightshift ${run.id}`,
    }));
    if (c.req.valid('query').format === 'csv') {
      const rows = orders.map(({ endToEndId, creditor, amountMicros, remittance }) => [
        endToEndId,
        creditor.name,
        creditor.iban,
        creditor.bic ?? '',
        decimalOf(amountMicros),
        run.currency,
        run.executionDate,
        remittance,
      ]);
      const header = ['end_to_end_id', 'name', 'iban', 'bic', 'amount', 'currency', 'execution_date', 'remittance'];
      return c.body(csvOf(header, rows), 200, { 'content-type': 'text/csv; charset=utf-8' });
    }
    if (orders.length === 0) throw new NightshiftError('conflict', `Run ${run.id} pays nobody.`, { field: 'id' });
    const xml = creditTransferXml({
      messageId: run.id,
      createdRealMs: run.confirmedRealMs ?? 0,
      debtor: accountOf(debtorHolder),
      currency: run.currency,
      executionDate: run.executionDate,
      orders,
    });
    return c.body(xml, 200, { 'content-type': 'application/xml; charset=utf-8' });
  });

  app.openapi(paidRoute, async (c) => {
    const run = await runOf(c.req.valid('param').id);
    const { payouts: wanted, settled_on: bookedOn } = c.req.valid('json');
    const own = await listPayouts(database, run.id);
    const ids = wanted ?? own.filter(({ status }) => status === 'ordered').map(({ id }) => id);
    const notices = ids.map((endToEndId): TransferNotice => {
      const payout = own.find(({ id }) => id === endToEndId);
      const { amountMicros = 0, currency = run.currency } = payout ?? {};
      return { endToEndId, amountMicros, currency, bookedOn, kind: 'paid', reason: undefined };
    });
    return c.json(await takeAll(ports, notices, gridNowMs()), 200);
  });

  app.openapi(noticeRoute, async (c) => {
    const notices = readNotification(await c.req.text());
    return c.json(await takeAll(ports, notices, gridNowMs()), 200);
  });

  app.openapi(accountRoute, async (c) => {
    const { currency } = c.req.valid('param');
    const account = c.req.valid('json');
    await setBankAccount(database, seal, bankHolders.operator(currency), account);
    return c.json({ currency, iban_ends_in: account.iban.slice(-4) }, 200);
  });
}

async function takeAll(
  ports: ApiPorts,
  notices: readonly TransferNotice[],
  atMs: number,
): Promise<z.input<typeof noticesSchema>> {
  const taken: { id: string; outcome: NoticeOutcome }[] = [];
  for (const notice of notices) taken.push({ id: notice.endToEndId, outcome: await takeNotice(ports, notice, atMs) });
  const those = (wanted: NoticeOutcome): string[] =>
    taken.filter(({ outcome }) => outcome === wanted).map(({ id }) => id);
  return {
    paid: those('paid'),
    returned: those('returned'),
    known_before: those('known_before'),
    refused: taken.flatMap(({ id, outcome }) =>
      typeof outcome === 'string' ? [] : [{ end_to_end_id: id, reason: outcome.refused }],
    ),
  };
}

function toWire(
  run: PayoutRun,
  payouts: readonly Payout[],
  leftOut: readonly LeftOut[],
): z.input<typeof payoutRunSchema> {
  const kept = payouts.filter(({ status }) => status !== 'dropped');
  return {
    id: run.id,
    object: 'payout_run',
    currency: run.currency,
    min_amount: unitsOf(run.minMicros),
    execution_date: run.executionDate,
    status: run.status,
    proposed_by: run.proposedBy,
    confirmed_by: run.confirmedBy,
    total: unitsOf(sumMicros(kept.map(({ amountMicros }) => amountMicros))),
    payouts: payouts.map(({ id, ownerId, amountMicros, currency, status, reason, settledOn }) => ({
      id,
      owner: ownerId,
      amount: unitsOf(amountMicros),
      currency,
      status,
      reason,
      settled_on: settledOn,
    })),
    left_out: leftOut.map(({ owner, amountMicros, reason }) => ({ owner, amount: unitsOf(amountMicros), reason })),
  };
}
