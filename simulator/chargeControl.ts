import { MINUTE_MS } from '../domain/durations.ts';
import { setpointAt, type SetpointProfile } from '../domain/setpoints.ts';

/**
 * How long a car at the plug without a setpoint in force waits before it charges on its own. Long enough for a plan to
 * reach a car that has just arrived, short enough that a night without any plan still fills the battery.
 */
export const FAIL_SAFE_AFTER_MS = 30 * MINUTE_MS;

export interface ChargeControl {
  /** kW offered to the battery; 0 pauses. */
  readonly offeredKw: number;
  /** Whether the profile leaves the power gate open for compute. */
  readonly computeAllowed: boolean;
  /** When this ends, unless a new profile comes first. */
  readonly untilMs: number;
}

export interface ChargeControlInput {
  readonly profile: SetpointProfile | null;
  readonly atMs: number;
  readonly pluggedInAtMs: number;
  /** Charge power at the plug that is safe when nobody says what the feeder can bear. */
  readonly failSafeKw: number;
}

/**
 * What a car at the plug may draw now, by its own clock. A profile that has run out never means "unlimited": no
 * compute, and after a grace time charging at the fail-safe power.
 */
export function chargeControl({ profile, atMs, pluggedInAtMs, failSafeKw }: ChargeControlInput): ChargeControl {
  const inForce = profile ? setpointAt(profile, atMs) : undefined;
  if (inForce) {
    return { offeredKw: inForce.chargeKw, computeAllowed: inForce.computeKw > 0, untilMs: inForce.endMs };
  }
  const intervals = profile?.intervals ?? [];
  const lastEndMs = Math.max(pluggedInAtMs, ...intervals.map((i) => i.endMs).filter((endMs) => endMs <= atMs));
  const nextStartMs = Math.min(Infinity, ...intervals.map((i) => i.startMs).filter((startMs) => startMs > atMs));
  const failSafeAtMs = lastEndMs + FAIL_SAFE_AFTER_MS;
  return atMs < failSafeAtMs
    ? { offeredKw: 0, computeAllowed: false, untilMs: Math.min(nextStartMs, failSafeAtMs) }
    : { offeredKw: failSafeKw, computeAllowed: false, untilMs: nextStartMs };
}
