import { z } from '@hono/zod-openapi';

const plug = z.number().int().min(1).max(99);

/** A plug of a charger as it is enrolled. */
export const chargerPutSchema = z
  .strictObject({
    plug: plug.default(1).meta({ description: 'Which of its plugs: connector in OCPP 1.6, EVSE in 2.0.1.' }),
    feeder: z.string().min(1).max(100),
    car: z.string().min(1).max(64).nullable().default(null).meta({
      description: 'The car that it belongs to. Null: cars that are not enrolled use it, as load on its feeder.',
    }),
    phases: z.union([z.literal(1), z.literal(3)]).default(3),
    max_amps: z.number().min(6).max(80).default(16).meta({ description: 'Per phase.' }),
    meters_compute: z.boolean().default(true).meta({
      description: 'Whether the car’s computer draws through this plug, so that its meter sees compute too.',
    }),
    id_tokens: z.array(z.string().min(1).max(36)).max(20).default([]).meta({
      description: 'Tokens by which the car’s drivers identify at the charger; none: everyone is taken for them.',
    }),
    new_password: z.boolean().default(false).meta({ description: 'Gives a known charger a new password.' }),
  })
  .openapi('ChargerPut');

export const chargerSchema = z
  .object({
    id: z.string().meta({ description: 'Of the charger; one with several plugs is listed once for each.' }),
    plug,
    feeder: z.string(),
    car: z.string().nullable(),
    phases: z.number().int(),
    max_amps: z.number(),
    meters_compute: z.boolean(),
    id_tokens: z.array(z.string()),
    online: z.boolean(),
    plug_state: z.enum(['plugged', 'unplugged', 'unknown']),
    power_kw: z.number().nullable(),
    foreign_car: z.boolean().meta({ description: 'A car that is not enrolled is at it.' }),
    charging_kwh: z.number().meta({ description: 'Counted by its meter for its car.' }),
    compute_kwh: z.number(),
    seen_at: z.number().int().nullable().meta({ description: 'Real time, unix seconds.' }),
  })
  .openapi('Charger');
export type ChargerWire = z.output<typeof chargerSchema>;

export const chargersSchema = z.object({ chargers: z.array(chargerSchema) });

/** As it was put in: the password is shown this once. */
export const newChargerSchema = chargerSchema.extend({ password: z.string().nullable() });
