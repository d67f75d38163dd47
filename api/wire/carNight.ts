import { z } from '@hono/zod-openapi';

const gridMs = z.number().meta({ description: 'Grid time, epoch milliseconds.' });
const kw = z.number().nullable().meta({ description: 'kW at the plug.' });
const footprintSchema = z.object({ costEur: z.number(), gramsCo2: z.number() });

/** A car's stay on one time axis: what was metered, what is planned, and what it comes to. */
export const carNightSchema = z
  .object({
    id: z.string(),
    asOfMs: gridMs,
    timeZone: z.string(),
    stay: z
      .object({
        pluggedInAtMs: gridMs,
        readyByMs: gridMs,
        targetSocPercent: z.number(),
        arrivalSocPercent: z.number().nullable(),
      })
      .nullable()
      .meta({ description: 'Null: it is not at its plug.' }),
    intervals: z.array(
      z.object({
        startMs: gridMs,
        endMs: gridMs,
        plannedChargeKw: kw,
        plannedComputeKw: kw,
        meteredChargeKw: kw,
        meteredComputeKw: kw,
        priceEurPerKwh: z.number().nullable(),
        carbonGPerKwh: z.number().nullable(),
      }),
    ),
    earned: z
      .array(z.object({ currency: z.string(), stay: z.number(), total: z.number() }))
      .meta({ description: 'By currency, as far as it is booked: energy paid back and what is earned beyond it.' }),
    charging: z
      .object({ asPlanned: footprintSchema, onArrival: footprintSchema })
      .meta({ description: 'The stay’s charge, metered so far and planned ahead, beside the same energy on arrival.' }),
  })
  .openapi('CarNight');
export type CarNightWire = z.output<typeof carNightSchema>;
