import { z } from '@hono/zod-openapi';

/** An event of a utility: what it asks for, and whether that is followed. */
export const gridEventSchema = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    asks: z
      .array(z.object({ type: z.string(), units: z.string().nullable(), values: z.array(z.unknown()) }))
      .meta({ description: 'Payload types of its intervals, each with its different values in order, at most ten.' }),
    connection: z.string(),
    state: z.enum(['upcoming', 'active', 'over', 'taken_back', 'refused', 'request']),
    received_at: z.string(),
    start: z.string().nullable(),
    end: z.string().nullable(),
    feeders: z.array(z.string()),
    refused: z.string().nullable().meta({ description: 'Why nothing of it is followed.' }),
    refused_payloads: z
      .array(z.string())
      .meta({ description: 'Payloads that are not followed while the others are, with their reasons.' }),
  })
  .openapi('GridEvent');
export type GridEventWire = z.output<typeof gridEventSchema>;

export const gridEventsSchema = z.object({ data: z.array(gridEventSchema) });

const measurementSchema = z
  .object({
    method: z.string(),
    method_text: z.string(),
    baseline_kwh: z.number(),
    metered_kwh: z.number(),
    shed_kwh: z.number(),
    plan_seconds: z.number().nullable(),
    response_seconds: z.number().nullable(),
    intervals: z.array(
      z.object({
        id: z.number(),
        start: z.string(),
        end: z.string(),
        baseline_kwh: z.number(),
        metered_kwh: z.number(),
        house_kwh: z.number().nullable().meta({ description: 'Of the feeders’ houses, which limits include.' }),
      }),
    ),
    cars: z.array(z.object({ vehicle: z.string(), baseline_kwh: z.number(), metered_kwh: z.number() })),
  })
  .openapi('GridEventMeasurement');

/** An event with what it did to the metered load and what was reported of it. */
export const gridEventWithProofSchema = gridEventSchema
  .extend({
    event: z.unknown().meta({ description: 'As the utility sent it.' }),
    measurement: measurementSchema.nullable(),
    reports: z.array(
      z.object({
        name: z.string(),
        sent_at: z.string().nullable(),
        vtn_id: z.string().nullable(),
        report: z.unknown(),
      }),
    ),
  })
  .openapi('GridEventWithProof');
export type GridEventWithProofWire = z.output<typeof gridEventWithProofSchema>;
