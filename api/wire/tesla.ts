import { z } from '@hono/zod-openapi';

export const teslaAccountPutSchema = z
  .strictObject({
    refresh_token: z.string().min(20).max(16_384).meta({
      description:
        'Of the owner’s authorisation of your application; good for one exchange, so give it to nobody else.',
    }),
  })
  .openapi('TeslaAccountPut');

export const teslaCarPutSchema = z
  .strictObject({
    account: z.string().min(1).max(100),
    phases: z.union([z.literal(1), z.literal(3)]).default(3),
    max_amps: z.number().int().min(6).max(48).default(16).meta({ description: 'Of the plug at its home, per phase.' }),
    meters_compute: z.boolean().default(false).meta({
      description: 'Whether its computer draws through the car, so that the car’s own meter sees compute too.',
    }),
  })
  .openapi('TeslaCarPut');

export const teslaCarSchema = z
  .object({
    vin: z.string(),
    account: z.string(),
    phases: z.number().int(),
    max_amps: z.number(),
    meters_compute: z.boolean(),
    told_amps: z.number().nullable().meta({ description: 'What it accepted last in its stay; 0: not to charge.' }),
    charging_kwh: z.number().meta({ description: 'Counted by its own meter while at its plug.' }),
    usd_this_month: z.number().meta({ description: 'What its commands, requests and wakes cost at Tesla’s prices.' }),
    telemetry_checked_at: z.number().int().nullable().meta({ description: 'Real time, unix seconds.' }),
    problems: z.array(z.string()),
  })
  .openapi('TeslaCar');
export type TeslaCarWire = z.output<typeof teslaCarSchema>;

export const teslaListSchema = z.object({
  accounts: z.array(z.object({ id: z.string(), linked_at: z.number().int() })),
  cars: z.array(teslaCarSchema),
});
