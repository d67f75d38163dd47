import { z } from 'zod';

/** Charging equipment of one car at its usual plug. */
export const chargerSchema = z.object({
  maxKw: z.number().positive(),
  /** Least power that the car accepts (6 A: 1.38 kW on one phase, 4.14 kW on three); below it, it does not charge. */
  minKw: z.number().min(0),
  /** Wall to battery. */
  efficiency: z.number().gt(0).lte(1),
});
export type Charger = z.infer<typeof chargerSchema>;

/** What the owner allows and needs. The ready-by is wall-clock time in the owner's zone. */
export const ownerPolicySchema = z.object({
  readyBy: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM'),
  timeZone: z.string(),
  targetSocPercent: z.number().min(20).max(100),
  /** Charged at once at any price when below. */
  minimumSocPercent: z.number().min(0).max(100),
  /** No compute below this; the hard floor is 20. */
  computeSocFloorPercent: z.number().min(20).max(100),
  computeOptIn: z.boolean(),
});
export type OwnerPolicy = z.infer<typeof ownerPolicySchema>;
