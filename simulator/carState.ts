import { z } from 'zod';
import { setpointProfileSchema } from '../domain/setpoints.ts';
import type { CarScript } from './mobility.ts';

/** Everything that a car must not forget when its process is killed. Times are grid time. */
export const carStateSchema = z.object({
  atMs: z.number(),
  socPercent: z.number().min(0).max(100),
  /** Cumulative registers, energy at the plug. */
  chargingKwh: z.number().min(0),
  computeKwh: z.number().min(0),
  /** Sum of both registers when the car was last plugged in. */
  kwhAtPlugIn: z.number().min(0),
  phase: z.enum(['driving', 'arriving', 'parked', 'leaving']),
  phaseSinceMs: z.number(),
  /** Trips that ended; the next one in the script is the one that the car is on or waits for. */
  tripsDone: z.number().int().min(0),
  awake: z.boolean(),
  /** Last instant at which something kept the car awake. */
  activeAtMs: z.number(),
  /** When a requested wake-up takes effect; null when none is under way. */
  wakesAtMs: z.number().nullable(),
  wakes: z.number().int().min(0),
  powered: z.boolean(),
  covered: z.boolean(),
  /** The newest profile that reached the car; it goes on by it without a network. */
  profile: setpointProfileSchema.nullable(),
});
export type CarState = z.infer<typeof carStateSchema>;

/** The car as its script has it at the start of the night. */
export function initialCarState(script: CarScript, atMs: number): CarState {
  return {
    atMs,
    socPercent: script.socPercentAtStart,
    chargingKwh: 0,
    computeKwh: 0,
    kwhAtPlugIn: 0,
    phase: script.drivingAtStart ? 'driving' : 'parked',
    phaseSinceMs: atMs,
    tripsDone: 0,
    awake: !script.asleepAtStart,
    activeAtMs: atMs,
    wakesAtMs: null,
    wakes: 0,
    powered: true,
    covered: true,
    profile: null,
  };
}
