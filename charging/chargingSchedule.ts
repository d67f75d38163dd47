import { realTimeMs, type Clock } from '../domain/clock.ts';
import type { SetpointProfile } from '../domain/setpoints.ts';

/** IEC 61851: a car draws nothing below, so that what is less is offered as nothing. */
const MIN_AMPS = 6;
export const NOMINAL_VOLTAGE_V = 230;
/** OCPP's limits have one decimal. */
const STEP_AMPS = 0.1;

/** What a charge point can give. */
export interface Supply {
  readonly phases: 1 | 3;
  readonly maxAmps: number;
  /** The car's computer draws through this plug: the setpoint for compute is offered too. */
  readonly metersCompute: boolean;
}

/** A limit from `startRealMs` on. */
export interface SchedulePeriod {
  readonly startRealMs: number;
  readonly limitAmps: number;
}

/** Limits until `endRealMs`, after which the charge point's own fail-safe holds. */
export interface ChargingSchedule {
  readonly periods: readonly SchedulePeriod[];
  readonly endRealMs: number;
}

/** The fail-safe that holds when nobody renews a schedule: the least that a car takes, never "unlimited". */
export const FAIL_SAFE_AMPS = MIN_AMPS;

/**
 * The planned power as a schedule in amperes per phase, rounded down, so that no feeder gets more than was planned.
 * @returns undefined when nothing of the profile lies ahead: then the fail-safe holds
 */
export function chargingSchedule(
  profile: SetpointProfile | null,
  supply: Supply,
  clock: Clock,
  nowRealMs: number,
): ChargingSchedule | undefined {
  const intervals = (profile?.intervals ?? [])
    .map(({ startMs, endMs, chargeKw, computeKw }) => ({
      startRealMs: Math.max(nowRealMs, realTimeMs(clock, startMs)),
      endRealMs: realTimeMs(clock, endMs),
      limitAmps: ampsOf(chargeKw + (supply.metersCompute ? computeKw : 0), supply),
    }))
    .filter(({ startRealMs, endRealMs }) => startRealMs < endRealMs)
    .sort((a, b) => a.startRealMs - b.startRealMs);
  const [first] = intervals;
  const last = intervals.at(-1);
  if (!first || !last) return undefined;
  const periods: SchedulePeriod[] = [];
  const from = (startRealMs: number, limitAmps: number): void => {
    if (periods.at(-1)?.limitAmps !== limitAmps) periods.push({ startRealMs, limitAmps });
  };
  // Before the first interval and in gaps the fail-safe holds.
  if (first.startRealMs > nowRealMs) from(nowRealMs, FAIL_SAFE_AMPS);
  for (const [index, { startRealMs, endRealMs, limitAmps }] of intervals.entries()) {
    from(startRealMs, limitAmps);
    const next = intervals[index + 1];
    if (next && next.startRealMs > endRealMs) from(endRealMs, FAIL_SAFE_AMPS);
  }
  return { periods, endRealMs: last.endRealMs };
}

function ampsOf(kw: number, { phases, maxAmps }: Supply): number {
  const amps = (kw * 1000) / (NOMINAL_VOLTAGE_V * phases);
  if (amps < MIN_AMPS) return 0;
  return Math.floor(Math.min(maxAmps, amps) / STEP_AMPS + 1e-9) * STEP_AMPS;
}

/** kW at the plug that so many amperes per phase are. */
export function kwOf(amps: number, { phases }: Pick<Supply, 'phases'>): number {
  return (amps * phases * NOMINAL_VOLTAGE_V) / 1000;
}

/** What holds now. */
export function limitAt({ periods }: ChargingSchedule, atRealMs: number): number {
  return periods.findLast(({ startRealMs }) => startRealMs <= atRealMs)?.limitAmps ?? FAIL_SAFE_AMPS;
}
