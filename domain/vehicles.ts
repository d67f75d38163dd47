import { DateTime } from 'luxon';
import { z } from 'zod';
import { hardwareClassId } from './hardwareClasses.ts';
import { DEFAULT_MODEL_FAMILY, slugSchema } from './models.ts';
import { ownDataConsentSchema } from './ownData.ts';
import { siteSchema } from './site.ts';

/** How one car charges at its usual plug. */
export const chargerSchema = z.object({
  maxKw: z.number().positive(),
  /** Least power that the car accepts (6 A: 1.38 kW on one phase, 4.14 kW on three); below it, it does not charge. */
  minKw: z.number().min(0),
  /** Wall to battery. */
  efficiency: z.number().gt(0).lte(1),
  /** Cell temperature below which it must not be charged; left out: what is known of the car model. */
  chargeFromCelsius: z.number().min(-60).max(30).optional(),
});
export type Charger = z.infer<typeof chargerSchema>;

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM');
/** ISO: Monday is 1, Sunday 7. */
const weekdays = z.array(z.number().int().min(1).max(7)).min(1).max(7);
const targetSocPercent = z.number().min(20).max(100);
const instantMs = z.number().int().min(0).max(8_640_000_000_000_000);

export const readyByPlanSchema = z.object({ weekdays, time: timeOfDay, targetSocPercent: targetSocPercent.optional() });

/** Half-open on the wall clock; `until` at or before `from` is on the next day, which a window's weekday does not mind. */
export const computeHoursSchema = z.object({ weekdays: weekdays.optional(), from: timeOfDay, until: timeOfDay });

/** What the owner allows and needs. Times of day are wall-clock time in the owner's zone, instants are grid time. */
export const ownerPolicySchema = z.object({
  /** On every weekday that no plan of `readyByPlans` names. */
  readyBy: timeOfDay,
  timeZone: z.string(),
  targetSocPercent,
  /** The first plan that names a weekday holds on it. */
  readyByPlans: z.array(readyByPlanSchema).max(14).optional(),
  /** Charged at once at any price when below. */
  minimumSocPercent: z.number().min(0).max(100),
  /** No compute below this; the hard floor is 20. */
  computeSocFloorPercent: z.number().min(20).max(100),
  /** False: never. It needs `consent`. */
  computeOptIn: z.boolean(),
  /** What the owner agreed to, and when. */
  consent: z.object({ termsVersion: z.string().min(1).max(100), givenAtMs: instantMs }).optional(),
  /** Data of the car's own that runs may train on without its leaving the car; left out: none. */
  ownData: ownDataConsentSchema.optional(),
  /** Windows in which it may compute; left out: always. Fans are heard at night: this is the noise preference too. */
  computeHours: z.array(computeHoursSchema).min(1).max(14).optional(),
  /** It computes only while the price is at most this. */
  maxComputeEurPerKwh: z.number().min(-10).max(10).optional(),
  /** What a kWh is worth that is missing when the car leaves; left out: what the cell says. */
  missingEurPerKwh: z.number().min(0).max(10).optional(),
  /** What the owner pays for a kWh, in the currency of the region, as pay for energy goes by; left out: the region's price. */
  energyPricePerKwh: z.number().min(0).max(10_000).optional(),
  /** No compute until then: one night. */
  optOutUntilMs: instantMs.optional(),
  /** Charged at once, at any price, up to the target until then. */
  boostUntilMs: instantMs.optional(),
});
export type OwnerPolicy = z.infer<typeof ownerPolicySchema>;

export const timeZoneSchema = z
  .string()
  .refine((zone) => DateTime.utc().setZone(zone).isValid, 'must be an IANA time zone');

/** A site node is a computer at a charging site: always awake, without a battery, on the feeder of the cars beside it. */
export const VEHICLE_KINDS = ['car', 'site_node'] as const;
export type VehicleKind = (typeof VEHICLE_KINDS)[number];

/** Said beside what else is wrong with the enrolment, so that one answer names all. */
function neededByCar(path: 'batteryKwh' | 'charger') {
  return { path: [path], message: 'must be given for a car', when: isObject };
}

function isObject({ value }: { readonly value: unknown }): boolean {
  return typeof value === 'object' && value !== null;
}

/** A car as it is enrolled, in the cell file, by `nightshift car enrol` and over the API. docs/cell-file.md */
export const enrolmentSchema = z
  .strictObject({
    /** VIN, as telemetry names it. It names topics and folders too. */
    id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"'),
    kind: z.enum(VEHICLE_KINDS).default('car'),
    feeder: z.string().min(1).max(100),
    /** Where its plug is; left out: as its feeder says. */
    site: siteSchema.optional(),
    owner: z.string().min(1).max(100),
    displayName: z.string().min(1).max(100),
    carModel: z.string().min(1).max(100).default('site-node'),
    hardwareClass: hardwareClassId,
    /** Families of models that its computer takes shards of. */
    modelFamilies: z.array(slugSchema).min(1).max(16).default([DEFAULT_MODEL_FAMILY]),
    /** Of a car. */
    batteryKwh: z.number().positive().max(1_000).optional(),
    /** Of a car. */
    charger: chargerSchema.optional(),
    policy: ownerPolicySchema
      .extend({ timeZone: timeZoneSchema })
      .refine((policy) => !policy.computeOptIn || policy.consent !== undefined, {
        path: ['consent'],
        message: 'must say what the owner agreed to and when, since computeOptIn is true',
      }),
  })
  .refine(({ kind, batteryKwh }) => kind !== 'car' || batteryKwh !== undefined, neededByCar('batteryKwh'))
  .refine(({ kind, charger }) => kind !== 'car' || charger !== undefined, neededByCar('charger'));
export type Enrolment = z.output<typeof enrolmentSchema>;

/** Of a site node, which has no battery to charge. */
export const NO_CHARGER: Charger = { maxKw: 0, minKw: 0, efficiency: 1 };
