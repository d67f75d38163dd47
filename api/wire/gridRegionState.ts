import { z } from '@hono/zod-openapi';

const time = z.string().nullable();

/** What a region knows now, and how its feeds and utilities do. */
export const gridRegionStateSchema = z
  .object({
    id: z.string(),
    time_zone: z.string(),
    as_of: z.string().meta({ description: 'Grid time now.' }),
    price_eur_per_kwh: z.number().nullable(),
    carbon_g_per_kwh: z.number().nullable(),
    ambient_celsius: z.number().nullable(),
    prices_known_until: time,
    emergency: z.boolean().meta({ description: 'An import limit of 0 is in force somewhere in the region.' }),
    windows: z.array(z.object({ start: z.string(), end: z.string() })),
    limits: z
      .array(
        z.object({
          feeder_id: z.string(),
          limit_kw: z.number(),
          source: z.string().nullable().meta({ description: 'Null: nobody says anything, the fail-safe limit holds.' }),
          until: time,
        }),
      )
      .meta({ description: 'In force now, the tightest first, at most 20.' }),
    feeds: z.array(
      z.object({
        feed: z.string(),
        read_at: time,
        failing_since: time,
        failure: z.string().nullable(),
        failures: z.number().int().meta({ description: 'In a row.' }),
      }),
    ),
    utilities: z.array(
      z.object({ id: z.string(), synced_at: time, failure: z.string().nullable(), failures: z.number().int() }),
    ),
    fallbacks: z.array(z.object({ code: z.string(), text: z.string() })),
  })
  .openapi('GridRegionState');
export type GridRegionStateWire = z.output<typeof gridRegionStateSchema>;
