import { z } from '@hono/zod-openapi';

const series = z.array(z.number().nullable());
const kw = (description: string) => series.meta({ description: `kW, by slot. ${description}` });

/** A region's load, or a feeder's, on one time axis, past and planned. */
export const timelineSchema = z
  .object({
    region_id: z.string(),
    feeder_id: z.string().nullable().meta({ description: 'Null: all feeders of the region together.' }),
    time_zone: z.string(),
    as_of: z.string().meta({ description: 'Grid time now.' }),
    start: z.string().meta({ description: 'Of the first slot; every series has one value per slot.' }),
    slot_minutes: z.number(),
    plan_id: z.string().nullable(),
    price_eur_per_kwh: series,
    carbon_g_per_kwh: series,
    ambient_celsius: series,
    limit_kw: kw('Import limits in force, houses included; the fail-safe limit where nobody states one.'),
    house_kw: kw('What the houses draw.'),
    planned_charge_kw: kw('Committed in slots that have begun, a forecast ahead.'),
    planned_compute_kw: kw('As planned_charge_kw.'),
    metered_charge_kw: kw('Mean by the cars’ meters; null in slots that have not ended.'),
    metered_compute_kw: kw('As metered_charge_kw.'),
    limit_price_eur_per_kwh: series.meta({
      description: 'Dual price: what one more kW of the limit would have saved; 0 where it does not bind.',
    }),
    windows: z.array(z.object({ start: z.string(), end: z.string() })).meta({ description: 'Off-peak windows.' }),
  })
  .openapi('Timeline');
export type TimelineWire = z.output<typeof timelineSchema>;

/** The feeders of a region now, those that bind first. */
export const feedersSchema = z
  .object({
    region_id: z.string(),
    as_of: z.string(),
    feeders: z.array(
      z.object({
        id: z.string(),
        limit_kw: z.number(),
        limit_source: z.string().nullable().meta({ description: 'Null: the fail-safe limit holds.' }),
        limit_until: z.string().nullable(),
        house_kw: z.number().nullable(),
        planned_kw: z.number().nullable().meta({ description: 'Cars together, in the slot that runs.' }),
        metered_kw: z.number().nullable().meta({ description: 'Cars together, in the last slot that has ended.' }),
        limit_price_eur_per_kwh: z
          .number()
          .meta({ description: 'Dual price in the slot that runs; 0: it does not bind.' }),
        binding_slots: z.number().int().meta({ description: 'Slots ahead in which the limit binds.' }),
        next_binding: z.string().nullable(),
        one_more_kw_eur: z.number().meta({ description: 'What one more kW in every slot ahead would save.' }),
        cars: z.number().int(),
        plugged_in: z.number().int(),
      }),
    ),
  })
  .openapi('Feeders');
export type FeedersWire = z.output<typeof feedersSchema>;
