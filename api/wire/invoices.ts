import { z } from '@hono/zod-openapi';

import { bucketsOf } from './buckets.ts';

/** Who bills or is billed, as it stands on invoices. */
export const billingProfileSchema = z
  .strictObject({
    name: z.string().min(1).max(140),
    address: z.array(z.string().min(1).max(70)).max(6).default([]),
    tax_id: z.string().min(1).max(40).optional(),
    /** Of a tenant: instead of the operator's rate, e.g. 0 where the tax is owed by the one who is billed. */
    tax_percent: z.number().min(0).max(100).multipleOf(0.01).optional(),
    tax_note: z.string().max(200).optional(),
  })
  .openapi('BillingProfile');
export type BillingProfile = z.output<typeof billingProfileSchema>;

const lineSchema = z.object({
  batch: z.string().nullable(),
  model: z.string().nullable(),
  item: z.string(),
  quantity: z.number().nullable(),
  unit: z.string().nullable(),
  amount: z.number().meta({ description: 'Exact; the sum is rounded once.' }),
  correction: z.boolean(),
});

/** As it is kept when it is issued. */
export const invoiceBodySchema = z.object({
  seller: billingProfileSchema,
  buyer: billingProfileSchema,
  lines: z.array(lineSchema),
  net: z.number(),
  tax_percent: z.number(),
  tax: z.number(),
  gross: z.number(),
  tax_note: z.string().nullable(),
});

export const invoiceSchema = invoiceBodySchema
  .extend({
    object: z.literal('invoice'),
    number: z.number().int(),
    tenant: z.string(),
    period: z.string(),
    currency: z.string(),
    issued_at: z.number().int(),
  })
  .openapi('Invoice');
export type InvoiceWire = z.output<typeof invoiceSchema>;

/** A line of a tenant's account. */
export const tenantLineSchema = z
  .object({
    entry: z.number(),
    booking: z.string(),
    booked_at: z.string().meta({ description: 'Grid time.' }),
    batch: z.string().nullable(),
    model: z.string().nullable(),
    item: z.string(),
    quantity: z.number().nullable(),
    unit: z.string().nullable(),
    unit_price: z.number().nullable(),
    amount: z.number(),
    currency: z.string(),
    reason: z.string().nullable(),
  })
  .openapi('TenantLine');

/** As OpenAI's `/v1/organization/costs`. */
export const costsSchema = bucketsOf(
  z.object({
    object: z.literal('organization.costs.result'),
    amount: z.object({ value: z.number(), currency: z.string() }),
    line_item: z.string().nullable().meta({ description: 'The model.' }),
    project_id: z.string().nullable(),
  }),
).openapi('Costs');
