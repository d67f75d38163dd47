import { z } from '@hono/zod-openapi';
import { priceSchema, currencySchema } from '../../domain/money.ts';

export const payoutSchema = z
  .object({
    id: z.string().meta({ description: 'The end-to-end id in the payment file.' }),
    owner: z.string(),
    amount: z.number(),
    currency: z.string(),
    status: z.enum(['proposed', 'ordered', 'paid', 'returned', 'dropped']),
    reason: z.string().nullable(),
    settled_on: z.string().nullable(),
  })
  .openapi('Payout');

export const payoutRunSchema = z
  .object({
    id: z.string(),
    object: z.literal('payout_run'),
    currency: z.string(),
    min_amount: z.number(),
    execution_date: z.string(),
    status: z.enum(['proposed', 'confirmed', 'dropped']),
    proposed_by: z.string(),
    confirmed_by: z.string().nullable(),
    total: z.number().meta({ description: 'Of payouts that are not dropped.' }),
    payouts: z.array(payoutSchema),
    left_out: z
      .array(z.object({ owner: z.string(), amount: z.number(), reason: z.string() }))
      .meta({ description: 'Owners who have money to get and are not paid by this run; of a proposal only.' }),
  })
  .openapi('PayoutRun');
export type PayoutRunWire = z.output<typeof payoutRunSchema>;

export const newPayoutRunSchema = z.strictObject({
  currency: currencySchema,
  min_amount: priceSchema.default(0).meta({ description: 'Owners who have less to get wait for a later run.' }),
  execution_date: z.iso.date(),
});

export const paidSchema = z.strictObject({
  payouts: z.array(z.string()).min(1).optional().meta({ description: 'All that are ordered when left out.' }),
  settled_on: z.iso.date(),
});

/** What became of each notice of a bank. */
export const noticesSchema = z.object({
  paid: z.array(z.string()),
  returned: z.array(z.string()),
  known_before: z.array(z.string()),
  refused: z.array(z.object({ end_to_end_id: z.string(), reason: z.string() })),
});
