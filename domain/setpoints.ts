import { z } from 'zod';

/** One interval of a setpoint profile: half-open grid time, powers at the plug. */
export const setpointIntervalSchema = z.object({
  startMs: z.number().int(),
  endMs: z.number().int(),
  chargeKw: z.number().min(0),
  /** At the plug, cooling and awake load included; 0 closes the power gate. */
  computeKw: z.number().min(0),
});

/**
 * What a car may draw, slot by slot, published ahead of the first slot so that every car of a feeder changes over at
 * the same instant by its own clock. After the last interval the profile has expired: the car draws nothing for
 * compute and falls back to charging at its fail-safe power, since an expired limit never means "unlimited".
 */
export const setpointProfileSchema = z.object({
  planId: z.string(),
  issuedAtMs: z.number().int(),
  intervals: z.array(setpointIntervalSchema).max(96),
});

/** What an agent says of the profile that it follows, slot by slot: that it is there and could be asked to compute. */
export const answeredProfileSchema = setpointProfileSchema.pick({ issuedAtMs: true });
export type AnsweredProfile = z.infer<typeof answeredProfileSchema>;

export type SetpointInterval = z.infer<typeof setpointIntervalSchema>;
export type SetpointProfile = z.infer<typeof setpointProfileSchema>;

/** The interval in force at `atMs`, or undefined before the first and after the last. */
export function setpointAt(profile: SetpointProfile, atMs: number): SetpointInterval | undefined {
  return profile.intervals.find((interval) => interval.startMs <= atMs && atMs < interval.endMs);
}

/** No car draws as much in its life; a register beyond it would overflow the sums that it is in. */
const MAX_REGISTER_KWH = 10_000_000;

/** Cumulative registers of the agent's own meter, in grid time; they only rise. */
export const meterReadingSchema = z.object({
  atMs: z.number().int(),
  chargingKwh: z.number().min(0).max(MAX_REGISTER_KWH),
  computeKwh: z.number().min(0).max(MAX_REGISTER_KWH),
});
export type MeterReading = z.infer<typeof meterReadingSchema>;

/** Cumulative register of the agent's compute alone, in grid time. */
export const computeReadingSchema = meterReadingSchema.omit({ chargingKwh: true });
