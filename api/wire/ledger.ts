import { z } from '@hono/zod-openapi';

export const ledgerCheckSchema = z
  .object({
    object: z.literal('ledger.check'),
    bookings: z.number().int(),
    entries: z.number().int(),
    sums: z.record(z.string(), z.number()).meta({
      description: 'Of all accounts together, by currency, in micro-units: 0 each.',
    }),
    checks: z.array(z.object({ id: z.string(), text: z.string(), faults: z.array(z.string()) })),
    fault_count: z.number().int().meta({ description: 'Of all checks; of each, the first 20 are named.' }),
  })
  .openapi('LedgerCheck');
