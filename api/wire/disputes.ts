import { z } from '@hono/zod-openapi';
import { amountSchema, currencySchema } from '../../domain/money.ts';

export const disputeSchema = z
  .object({
    id: z.string(),
    object: z.literal('dispute'),
    booking: z.string(),
    opened_by: z.string(),
    text: z.string(),
    opened_at: z.string(),
    status: z.enum(['open', 'upheld', 'rejected']),
    answer: z.string().nullable().meta({ description: 'Why it was decided so; both sides read it.' }),
    resolved_at: z.string().nullable(),
    lines: z
      .array(
        z.object({
          booking: z.string().meta({ description: 'As statements and lists of bookings name it, e.g. B123.' }),
          account: z.string(),
          item: z.string(),
          quantity: z.number().nullable(),
          unit: z.string().nullable(),
          amount: z.number(),
          currency: z.string(),
          reason: z.string().nullable(),
        }),
      )
      .meta({ description: 'What was booked and corrected, on the accounts that the reader may see.' }),
    evidence: z
      .array(
        z.object({
          car: z.string().nullable(),
          handed_out_at: z.string(),
          stored_until: z.string(),
          paid_wh: z.number(),
          metered_compute_kwh: z.number(),
        }),
      )
      .meta({
        description: 'When the car had the shard, what it was paid for, and what its plug’s meter counted meanwhile.',
      }),
    receipts: z
      .array(
        z.object({
          car: z.string().nullable(),
          lines: z.tuple([z.number(), z.number()]).meta({ description: 'Of the shard, half-open.' }),
          sha256: z.string().meta({ description: 'Of the answers, as they were accepted.' }),
        }),
      )
      .meta({ description: 'Answers of the work that were accepted.' }),
    checks: z
      .array(
        z.object({
          car: z.string().nullable(),
          at: z.string(),
          lines: z.number(),
          checked: z.number(),
          differing: z.number(),
          tokens: z.number(),
          divergent: z.number(),
          verdict: z.enum(['valid', 'suspect', 'guilty']),
        }),
      )
      .meta({ description: 'What checks of these answers on a trusted computer have found.' }),
  })
  .openapi('Dispute');

export type DisputeWire = z.output<typeof disputeSchema>;

export const newDisputeSchema = z.strictObject({
  booking: z.string().min(1).max(400).meta({ description: 'As statements and lists of bookings name it, e.g. B123.' }),
  text: z.string().min(1).max(2_000),
});

export const resolutionSchema = z.strictObject({
  outcome: z.enum(['upheld', 'rejected']),
  text: z.string().min(1).max(2_000),
  /** Takes the booking back down to a share of it: `all` gives the price back, `pay` takes from the owner only. */
  take_back: z
    .strictObject({ keep: z.number().min(0).max(1).multipleOf(0.000001), of: z.enum(['all', 'pay']) })
    .optional(),
  /** Gives the party that opened it so much more, at the operator's expense. */
  give: z
    .strictObject({ amount: amountSchema.refine((micros) => micros > 0, 'must be above 0'), currency: currencySchema })
    .optional(),
});
