import { MINUTE_MS } from '../domain/durations.ts';
import type { Clock } from '../domain/clock.ts';
import type { VehicleState } from '../store/vehicleStates.ts';
import type { WakeAttempt } from '../store/wakes.ts';

/** Cars are up within a minute, in grid time; then telemetry has to come through, in real time. */
const UP_WITHIN_MS = 10 * MINUTE_MS;
const HEARD_WITHIN_REAL_MS = 6_000;
const FIRST_RETRY_MS = 15 * MINUTE_MS;
const LONGEST_RETRY_MS = 4 * 60 * MINUTE_MS;

/** What has become of the wake-ups under way, judged by which cars are online. */
export interface SettledWakes {
  /** How every attempt stands now. */
  readonly attempts: readonly WakeAttempt[];
  /** Those that changed, to be stored. */
  readonly changed: readonly WakeAttempt[];
  /** Cars that did not wake up within their time, found just now. */
  readonly failed: readonly WakeAttempt[];
}

/** Grid time that a car has to wake up and be heard of. A scaled clock runs while messages are on their way. */
export function wakeWithinMs({ scale }: Pick<Clock, 'scale'>): number {
  return UP_WITHIN_MS + HEARD_WITHIN_REAL_MS * scale;
}

/**
 * A car that came online has woken, and its failures are forgotten. One that did not within its time is not asked
 * again before a back-off that doubles: until then it is planned without.
 */
export function settleWakes(
  attempts: readonly WakeAttempt[],
  states: readonly VehicleState[],
  nowMs: number,
  withinMs: number,
): SettledWakes {
  const online = new Set(states.filter((state) => state.online).map(({ vehicleId }) => vehicleId));
  const failed: WakeAttempt[] = [];
  const changed: WakeAttempt[] = [];
  const settled = attempts.map((attempt): WakeAttempt => {
    const { vehicleId, requestedAtMs, failures } = attempt;
    if (online.has(vehicleId)) {
      if (requestedAtMs === null && failures === 0) return attempt;
      const awake = { vehicleId, requestedAtMs: null, failures: 0, retryAtMs: null };
      changed.push(awake);
      return awake;
    }
    if (requestedAtMs === null || nowMs - requestedAtMs < withinMs) return attempt;
    const backoffMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    const failure = { vehicleId, requestedAtMs: null, failures: failures + 1, retryAtMs: nowMs + backoffMs };
    changed.push(failure);
    failed.push(failure);
    return failure;
  });
  return { attempts: settled, changed, failed };
}

/** Grid time before which the car is not asked to wake up; undefined when it may be asked. */
export function heldAsleepUntilMs(attempt: WakeAttempt | undefined, nowMs: number): number | undefined {
  const retryAtMs = attempt?.retryAtMs ?? 0;
  return retryAtMs > nowMs ? retryAtMs : undefined;
}
