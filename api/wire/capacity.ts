import { z } from '@hono/zod-openapi';

const kw = z.number().meta({ description: 'kW at the plug.' });

export const capacitySchema = z
  .object({
    plan_id: z.string().nullable(),
    slot_minutes: z.number(),
    classes: z.array(
      z.object({
        region: z.string(),
        hardware_class: z.string(),
        cars: z.number().int().meta({ description: 'At their plugs, with an owner who lets them compute.' }),
        awake: z.number().int(),
        now_kw: kw,
        planned_now_kw: kw,
        morning: z.string().meta({ description: 'The next 07:00 of the region.' }),
        kwh_until_morning: z.number(),
        curve: z.array(z.object({ start: z.string(), kw, planned_kw: kw })),
      }),
    ),
  })
  .openapi('FleetCapacity');
export type CapacityWire = z.infer<typeof capacitySchema>;
