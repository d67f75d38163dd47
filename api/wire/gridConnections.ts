import { z } from '@hono/zod-openapi';

/** A utility that is followed, and how that goes. */
export const gridConnectionSchema = z
  .object({
    id: z.string(),
    vtn_url: z.string(),
    region: z.string(),
    feeders: z.array(z.string()),
    ven_name: z.string(),
    programs: z.array(z.string()),
    targets: z.array(z.string()),
    poll_seconds: z.number(),
    callback_url: z.string().nullable(),
    verify_tls: z.boolean(),
    eur_per: z.record(z.string(), z.number()),
    priority: z.number(),
    status: z
      .object({
        synced_at: z.string().nullable(),
        failures: z.number().meta({ description: 'Of reading events, in a row.' }),
        failure: z.string().nullable(),
        report_failures: z.number().meta({ description: 'Of reports and measurements, in a row.' }),
        report_failure: z.string().nullable(),
        registration_failure: z
          .string()
          .nullable()
          .meta({ description: 'Why our ven and targets are not known as they are now; what was known holds.' }),
        programs: z.number(),
        events: z.number(),
        refused: z.number(),
        webhook: z.string().nullable(),
        mqtt: z.string().nullable(),
        ignored_types: z.array(z.string()),
      })
      .nullable(),
    ven: z
      .object({ id: z.string(), name: z.string(), targets: z.array(z.string()) })
      .nullable()
      .meta({ description: 'What the server knows us as, and every target that it granted.' }),
    refusals: z
      .array(z.object({ event: z.string(), name: z.string().nullable(), reasons: z.array(z.string()) }))
      .meta({ description: 'Events that are not, or not wholly, followed; the newest first, at most 20.' }),
  })
  .openapi('GridConnection');
export type GridConnectionWire = z.output<typeof gridConnectionSchema>;

export const gridConnectionsSchema = z.object({ data: z.array(gridConnectionSchema) });
