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
          booking: z.string(),
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
  })
  .openapi('Dispute');

export const newDisputeSchema = z.strictObject({
  booking: z.string().min(1).max(400).meta({ description: 'As statements name it.' }),
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
