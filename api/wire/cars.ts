import { z } from '@hono/zod-openapi';

import { CAR_STATES, carReasonSchema, CLAIM_HOLDERS } from '../../domain/claims.ts';
import { ownerPolicySchema } from '../../domain/vehicles.ts';

const gridMs = z.number().meta({ description: 'Grid time, epoch milliseconds.' });
const reasonSchema = carReasonSchema.meta({ id: 'CarReason' });

/** The last known values with their age: what is old is not absent. */
export const vehicleSchema = z
  .object({
    id: z.string(),
    displayName: z.string(),
    ownerId: z.string(),
    regionId: z.string(),
    feederId: z.string(),
    carModel: z.string(),
    hardwareClass: z.string(),
    batteryKwh: z.number(),
    state: z.enum(CAR_STATES),
    heldBy: z.enum(CLAIM_HOLDERS),
    pluggedIn: z.boolean(),
    online: z.boolean(),
    socPercent: z.number().nullable(),
    heardAtMs: gridMs.nullable(),
    heardAgeMs: z.number().nullable(),
    nextReadyByMs: gridMs,
    policy: ownerPolicySchema,
  })
  .openapi('Vehicle');
export type VehicleWire = z.output<typeof vehicleSchema>;

const transitionSchema = z.object({
  seq: z.number(),
  atMs: gridMs,
  state: z.enum(CAR_STATES),
  heldBy: z.enum(CLAIM_HOLDERS),
  reasons: z.array(reasonSchema),
});

export const whySchema = z
  .object({
    id: z.string(),
    displayName: z.string(),
    timeZone: z.string(),
    state: z.enum(CAR_STATES),
    heldBy: z.enum(CLAIM_HOLDERS),
    sinceMs: gridMs.nullable(),
    confirmedAtMs: gridMs.nullable().meta({ description: 'When the figures were last true.' }),
    claims: z
      .array(z.object({ holder: z.enum(CLAIM_HOLDERS), holds: z.boolean(), reasons: z.array(reasonSchema) }))
      .meta({ description: 'The whole ladder, the strongest first; the first with a reason holds the car.' }),
    transitions: z.array(transitionSchema).meta({ description: 'Newest first.' }),
  })
  .openapi('VehicleWhy');
export type WhyWire = z.output<typeof whySchema>;

export const vehiclePlanSchema = z
  .object({
    id: z.string(),
    planId: z.string().nullable(),
    intervals: z.array(z.object({ startMs: gridMs, endMs: gridMs, chargeKw: z.number(), computeKw: z.number() })),
    reasons: z.array(
      z.object({ code: z.string(), text: z.string(), value: z.number().optional(), limit: z.number().optional() }),
    ),
    unmet: z.array(z.object({ kind: z.string(), missing: z.number(), unit: z.string(), text: z.string() })),
  })
  .openapi('VehiclePlan');

const staySchema = z
  .object({
    stay: z.number(),
    pluggedInAtMs: gridMs,
    unpluggedAtMs: gridMs.nullable(),
    readyByMs: gridMs,
    targetSocPercent: z.number(),
    arrivalSocPercent: z.number().nullable(),
    readyBySocPercent: z.number().nullable(),
    statement: z.unknown(),
  })
  .openapi('Stay');
export type StayWire = z.output<typeof staySchema>;

export const staysSchema = z.object({ stays: z.array(staySchema) });
