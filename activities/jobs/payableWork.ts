import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';

/** Most kW at the plug per kW of chip that any weather and awake load explain; beyond it, a claim is not plausible. */
const PLAUSIBLE_OVERHEAD = 8;
const PLAUSIBLE_SLACK_WH = 5;
const MS_PER_HOUR = 3_600_000;

/**
 * The energy of a car's claim that is paid: no more than its class can take in the device time that it can have had.
 * @param paidMs device time, grid time
 */
export function payableWh(claimedWh: number, { chipKw }: HardwareClassSpec, paidMs: number): number {
  const mostWh = (chipKw * 1000 * PLAUSIBLE_OVERHEAD * paidMs) / MS_PER_HOUR + PLAUSIBLE_SLACK_WH;
  return Math.min(claimedWh, mostWh);
}
