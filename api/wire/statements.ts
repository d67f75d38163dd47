import { z } from '@hono/zod-openapi';

export const statementLineSchema = z.object({
  entry: z.number(),
  booking: z.string().meta({ description: 'Names what was booked together, e.g. in a dispute.' }),
  bookedAtMs: z.number(),
  vehicleId: z.string().nullable(),
  stay: z.number().nullable(),
  reference: z.string(),
  item: z.string(),
  quantity: z.number().nullable(),
  unit: z.string().nullable(),
  unitPrice: z.number().nullable(),
  amount: z.number(),
  currency: z.string(),
  corrects: z.string().nullable(),
  reason: z.string().nullable(),
});

const totalSchema = z.object({
  currency: z.string(),
  energy: z.number(),
  wear: z.number(),
  work: z.number(),
  streak: z.number(),
  availability: z.number(),
  adjustments: z.number(),
  earned: z.number().meta({ description: 'Of all items, corrections included.' }),
  paidOut: z.number(),
  computeKwh: z.number(),
  availableHours: z.number(),
  shards: z.number(),
});

export const ownerStatementSchema = z
  .object({
    ownerId: z.string(),
    period: z.string(),
    timeZone: z.string(),
    startMs: z.number(),
    endMs: z.number(),
    totals: z.array(totalSchema),
    balances: z.record(z.string(), z.number()).meta({ description: 'To get now, by currency.' }),
    lines: z.array(statementLineSchema),
  })
  .openapi('OwnerStatement');

export const stayStatementSchema = z
  .object({
    vehicleId: z.string(),
    stay: z.number(),
    pluggedInAtMs: z.number(),
    unpluggedAtMs: z.number().nullable(),
    chargingKwh: z.number(),
    computeKwh: z.number(),
    totals: z.array(totalSchema),
    lines: z.array(statementLineSchema).meta({
      description: 'Work is listed with the stay in which it was done, also where it was accepted after the car left.',
    }),
  })
  .openapi('StayStatement');
