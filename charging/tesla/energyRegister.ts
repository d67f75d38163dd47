import { HOUR_MS } from '../../domain/durations.ts';
import { z } from 'zod';

/** `ACChargingEnergyIn` counts a charging session from 0; this counts them all. kWh at the plug. */
export const registerSchema = z.object({
  /** As it was last said; null: not yet. */
  saidKwh: z.number().nullable(),
  saidRealMs: z.number(),
  /** Only rises. */
  totalKwh: z.number(),
});
export type EnergyRegister = z.infer<typeof registerSchema>;

export const NEW_REGISTER: EnergyRegister = { saidKwh: null, saidRealMs: 0, totalKwh: 0 };

/** Readings come a minute apart, so that each may be this much ahead of the time since the last. */
const SLACK_KWH = 0.5;

/**
 * Counts on to what is said now. A register that has fallen began anew, and counting goes on from what it shows. A rise
 * that the plug cannot have given in the time since is a signal that was lost or wrong, and is not counted.
 * @param maxKw what the plug gives at most
 */
export function afterRegister(register: EnergyRegister, kwh: number, nowRealMs: number, maxKw: number): EnergyRegister {
  const { saidKwh, saidRealMs, totalKwh } = register;
  const rise = saidKwh === null ? 0 : kwh - saidKwh;
  const possible = (maxKw * Math.max(0, nowRealMs - saidRealMs)) / HOUR_MS + SLACK_KWH;
  const counted = rise > 0 && rise <= possible ? rise : 0;
  return { saidKwh: kwh, saidRealMs: nowRealMs, totalKwh: totalKwh + counted };
}
