import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../../domain/clock.ts';
import { csvOf } from '../../../domain/csv.ts';
import { DAY_MS } from '../../../domain/durations.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { accounts, bookingName } from '../../../domain/ledger.ts';
import { centsOf, currencySchema, decimalOf, priceSchema, sumMicros, unitsOf } from '../../../domain/money.ts';
import { periodWindow } from '../../../domain/period.ts';
import type { Queryable } from '../../../store/database.ts';
import { book, listTenantLines, readBalance, readStanding } from '../../../store/ledger.ts';
import {
  insertInvoice,
  listCharges,
  listDailyCosts,
  listInvoices,
  listTenantsCharged,
  readBillingProfile,
  setBillingProfile,
  type ChargedLine,
  type StoredInvoice,
} from '../../../store/invoices.ts';
import {
  billingProfileSchema,
  costsSchema,
  invoiceBodySchema,
  invoiceSchema,
  tenantLineSchema,
  type BillingProfile,
  type InvoiceWire,
} from '../../wire/invoices.ts';
import { secondsSchema } from '../../wire/buckets.ts';
import type { ApiPorts } from '../ports.ts';
import { answers, errorResponses, idParam, notFound, taking, unixSeconds } from '../wire.ts';
import { invoicePdf } from './invoicePdf.ts';

const MAX_BUCKETS = 180;
const DEFAULT_BUCKETS = 7;
const month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month, e.g. 2026-01');

const costsRoute = createRoute({
  method: 'get',
  path: '/v1/organization/costs',
  summary: 'What the tenant was charged, by day and model; in the form of OpenAI, in grid time',
  request: {
    query: z.object({
      start_time: secondsSchema,
      end_time: secondsSchema.optional(),
      bucket_width: z.literal('1d').default('1d'),
      limit: z.coerce.number().int().min(1).max(MAX_BUCKETS).default(DEFAULT_BUCKETS),
      page: z
        .string()
        .regex(/^\d{1,11}$/)
        .optional(),
    }),
  },
  responses: answers('A page of days', costsSchema),
});
const ownListRoute = createRoute({
  method: 'get',
  path: '/v1/organization/invoices',
  responses: answers('Newest first', z.object({ data: z.array(invoiceSchema) })),
});
const bookingsRoute = createRoute({
  method: 'get',
  path: '/v1/organization/bookings',
  summary: 'What was booked on the tenant’s account, newest first; the name of a booking is what disputes take',
  request: {
    query: z.object({
      batch: z.string().min(1).max(100).optional(),
      before: z.coerce.number().int().min(1).optional().meta({ description: 'The `entry` of the last one read.' }),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
    }),
  },
  responses: answers('Amounts below 0 are charged', z.object({ data: z.array(tenantLineSchema) })),
});
const ownFileRoute = createRoute({
  method: 'get',
  path: '/v1/organization/invoices/{number}',
  request: {
    params: z.object({ number: z.coerce.number().int().min(1) }),
    query: z.object({ format: z.enum(['json', 'csv', 'pdf']).default('json') }),
  },
  responses: {
    200: {
      description: 'The invoice',
      content: {
        'application/json': { schema: invoiceSchema },
        'text/csv': { schema: z.string() },
        'application/pdf': { schema: z.string() },
      },
    },
    ...errorResponses,
  },
});
const issueRoute = createRoute({
  method: 'post',
  path: '/ops/v1/invoices',
  summary: 'Issue the invoices of a month that is over; those that are issued stay as they are',
  request: taking(z.strictObject({ period: month })),
  responses: answers('All of the month', z.object({ data: z.array(invoiceSchema) })),
});
const profileRoute = createRoute({
  method: 'put',
  path: '/ops/v1/billing/{id}',
  summary: 'Who bills (`operator`) or is billed (`tenant:ID`), as it stands on invoices',
  request: { params: idParam, ...taking(billingProfileSchema) },
  responses: answers('As it is kept', billingProfileSchema),
});
const depositRoute = createRoute({
  method: 'post',
  path: '/ops/v1/deposits',
  summary: 'Say that a tenant has paid; once for each reference',
  request: {
    ...taking(
      z.strictObject({
        tenant: z.string().min(1).max(63),
        amount: priceSchema,
        currency: currencySchema,
        reference: z.string().min(1).max(140),
      }),
    ),
  },
  responses: answers('The balance', z.object({ tenant: z.string(), balance: z.record(z.string(), z.number()) })),
});

/** Costs and invoices of tenants, and what operators do with them. */
export function addInvoiceRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));

  app.openapi(costsRoute, async (c) => {
    const { start_time: start, end_time: end, limit, page } = c.req.valid('query');
    const fromMs = Math.floor(Number(page ?? start) / 86_400) * DAY_MS;
    const endMs = end === undefined ? gridNowMs() : end * 1000;
    const untilMs = Math.min(endMs, fromMs + limit * DAY_MS);
    const { tenantId } = c.get('caller');
    const costs = await listDailyCosts(database, tenantId, { startMs: fromMs, endMs: untilMs });
    const days = Math.max(0, Math.ceil((untilMs - fromMs) / DAY_MS));
    const hasMore = endMs > untilMs;
    return c.json(
      {
        object: 'page' as const,
        data: Array.from({ length: days }, (_, day) => {
          const dayMs = fromMs + day * DAY_MS;
          return {
            object: 'bucket' as const,
            start_time: unixSeconds(dayMs),
            end_time: unixSeconds(dayMs + DAY_MS),
            results: costs
              .filter((cost) => cost.dayMs === dayMs)
              .map((cost) => ({
                object: 'organization.costs.result' as const,
                amount: { value: unitsOf(cost.micros), currency: cost.currency.toLowerCase() },
                line_item: cost.model,
                project_id: null,
              })),
          };
        }),
        has_more: hasMore,
        next_page: hasMore ? String(unixSeconds(untilMs)) : null,
      },
      200,
    );
  });

  app.openapi(ownListRoute, async (c) => {
    return c.json({ data: (await listInvoices(database, c.get('caller').tenantId)).map(toWire) }, 200);
  });

  app.openapi(bookingsRoute, async (c) => {
    const { batch: batchId, before: beforeEntry, limit } = c.req.valid('query');
    const lines = await listTenantLines(database, c.get('caller').tenantId, { batchId, beforeEntry, limit });
    return c.json(
      {
        data: lines.map((line) => ({
          entry: line.entryId,
          booking: bookingName(line.bookingId),
          booked_at: new Date(line.bookedAtMs).toISOString(),
          batch: line.batchId,
          model: line.model,
          item: line.item,
          quantity: line.quantityMillionths === null ? null : unitsOf(line.quantityMillionths),
          unit: line.unit,
          unit_price: line.unitPriceMicros === null ? null : unitsOf(line.unitPriceMicros),
          amount: unitsOf(line.amountMicros),
          currency: line.currency,
          reason: line.reason,
        })),
      },
      200,
    );
  });

  app.openapi(ownFileRoute, async (c) => {
    const { number } = c.req.valid('param');
    const found = (await listInvoices(database, c.get('caller').tenantId)).find((each) => each.number === number);
    if (!found) throw notFound('invoice', String(number));
    const invoice = toWire(found);
    const { format } = c.req.valid('query');
    if (format === 'csv') return c.body(invoiceCsv(invoice), 200, { 'content-type': 'text/csv; charset=utf-8' });
    if (format === 'pdf') {
      const bytes = await invoicePdf(invoice);
      return c.body(new Uint8Array(bytes), 200, { 'content-type': 'application/pdf' });
    }
    return c.json(invoice, 200);
  });

  app.openapi(issueRoute, async (c) => {
    const { period } = c.req.valid('json');
    const window = periodWindow(period, 'UTC');
    if (window.endMs > gridNowMs()) {
      throw new NightshiftError('conflict', `${period} is not over yet, in grid time.`, { field: 'period' });
    }
    for (const tenantId of await listTenantsCharged(database, window)) {
      const charges = await listCharges(database, tenantId, window);
      for (const currency of new Set(charges.map((line) => line.currency))) {
        const own = charges.filter((line) => line.currency === currency);
        await insertInvoice(database, { tenantId, period, currency, body: await bodyOf(database, tenantId, own) });
      }
    }
    const issued = (await listInvoices(database, undefined)).filter((invoice) => invoice.period === period);
    return c.json({ data: issued.map(toWire) }, 200);
  });

  app.openapi(profileRoute, async (c) => {
    const { id } = c.req.valid('param');
    const holder = id === OPERATOR ? OPERATOR : /^tenant:(.+)$/.exec(id)?.[1];
    if (holder === undefined) {
      throw new NightshiftError('invalid_request', 'id must be operator or tenant:ID.', { field: 'id' });
    }
    const profile = c.req.valid('json');
    await setBillingProfile(database, id, profile);
    return c.json(profile, 200);
  });

  app.openapi(depositRoute, async (c) => {
    const { tenant: id, amount, currency, reference } = c.req.valid('json');
    const key = `deposit/${id}/${reference}`;
    const isNew = await book(database, {
      key,
      kind: 'deposit',
      atMs: gridNowMs(),
      reference: `deposit/${id}/${reference}`,
      tenantId: id,
      entries: [
        { account: accounts.tenant(id), currency, amountMicros: amount, item: 'deposit' },
        { account: accounts.bank, currency, amountMicros: -amount, item: 'deposit' },
      ],
    });
    const known = isNew
      ? undefined
      : (await readStanding(database, key)).find(({ account }) => account !== accounts.bank);
    if (known && (known.amountMicros !== amount || known.currency !== currency)) {
      const booked = `${decimalOf(known.amountMicros)} ${known.currency}`;
      const message = `Reference "${reference}" was booked with ${booked}; give what is paid now another reference.`;
      throw new NightshiftError('conflict', message, { field: 'reference' });
    }
    const balance = await readBalance(database, accounts.tenant(id));
    return c.json(
      { tenant: id, balance: Object.fromEntries([...balance].map(([code, sum]) => [code, unitsOf(sum)])) },
      200,
    );
  });
}

const OPERATOR = 'operator';

/** What an invoice says, from the charges of one currency. Tax and sum are rounded once, to cents. */
async function bodyOf(
  database: Queryable,
  tenantId: string,
  charges: readonly ChargedLine[],
): Promise<z.input<typeof invoiceBodySchema>> {
  const profileOf = async (holder: string, name: string): Promise<BillingProfile> =>
    billingProfileSchema.parse((await readBillingProfile(database, holder)) ?? { name });
  const seller = await profileOf(OPERATOR, 'Nightshift operator');
  const buyer = await profileOf(`tenant:${tenantId}`, tenantId);
  const taxPercent = buyer.tax_percent ?? seller.tax_percent ?? 0;
  const netCents = centsOf(-sumMicros(charges.map(({ amountMicros }) => amountMicros)));
  const taxCents = Math.round((netCents * taxPercent) / 100);
  return {
    seller,
    buyer,
    lines: charges.map((line) => ({
      batch: line.batchId,
      model: line.model,
      item: line.item,
      quantity: line.quantityMillionths === null ? null : unitsOf(line.quantityMillionths),
      unit: line.unit,
      amount: unitsOf(-line.amountMicros),
      correction: line.isCorrection,
    })),
    net: netCents / 100,
    tax_percent: taxPercent,
    tax: taxCents / 100,
    gross: (netCents + taxCents) / 100,
    tax_note: buyer.tax_note ?? seller.tax_note ?? null,
  };
}

function toWire({ number, tenantId, period, currency, body, issuedRealMs }: StoredInvoice): InvoiceWire {
  const facts = { object: 'invoice' as const, number, tenant: tenantId, period, currency };
  return { ...facts, issued_at: unixSeconds(issuedRealMs), ...invoiceBodySchema.parse(body) };
}

function invoiceCsv(invoice: InvoiceWire): string {
  return csvOf(
    ['invoice', 'period', 'batch', 'model', 'item', 'quantity', 'unit', 'amount', 'currency', 'correction'],
    invoice.lines.map((line) => [
      invoice.number,
      invoice.period,
      line.batch,
      line.model,
      line.item,
      line.quantity,
      line.unit,
      line.amount,
      invoice.currency,
      String(line.correction),
    ]),
  );
}
