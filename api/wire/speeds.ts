import { z } from '@hono/zod-openapi';

const msPerUnit = z.number().meta({ description: 'Milliseconds of one computer at full power for a unit of work.' });

export const fleetSpeedsSchema = z
  .object({
    speeds: z.array(
      z.object({
        family: z.string().meta({ description: 'Of models; cars take work by it.' }),
        model: z.string(),
        version: z.string(),
        hardware_class: z.string(),
        stated_ms_per_unit: msPerUnit.meta({ description: 'As its cell file, its manifest or its probe states it.' }),
        measured_ms_per_unit: msPerUnit.nullable().meta({ description: 'Median of the newest accepted shards.' }),
        shards: z.number().int().meta({ description: 'How many of them, 31 at most.' }),
        planned_ms_per_unit: msPerUnit.meta({ description: 'What plans and quotes go by.' }),
      }),
    ),
  })
  .openapi('FleetSpeeds');
export type FleetSpeedsWire = z.infer<typeof fleetSpeedsSchema>;
