import { MINUTE_MS } from '../domain/durations.ts';
import { seededRandom } from '../domain/random.ts';

/** The order in which a driver who leaves does the two things that telemetry shows. */
export const DEPARTURE_MANNERS = ['gear_first', 'plug_first'] as const;
type DepartureManner = (typeof DEPARTURE_MANNERS)[number];

/** One drive, from the plug and back to it. Times are grid time. */
export interface Trip {
  readonly leavesAtMs: number;
  /** Set: from `leavesAtMs` on the driver waits until the car is computing, but no longer than this. */
  readonly waitsForComputingUntilMs?: number;
  readonly manner: DepartureManner;
  /** From the first sign of leaving to the wheels turning. */
  readonly leavingMs: number;
  /** From leaving to being back; Infinity when the car does not come back in this script. */
  readonly awayMs: number;
  readonly consumesSocPercent: number;
}

/** `coverage`: the car is cut off and goes on. `power`: the plug is dead and the car's computer with it. */
export type OutageKind = 'coverage' | 'power';

/** Half-open grid time [startMs, endMs). */
export interface Outage {
  readonly kind: OutageKind;
  readonly startMs: number;
  readonly endMs: number;
}

/** What is wrong with a car beside what happens to it; each may be absent. */
export interface CarFaults {
  /** The reported SoC falls behind the true one by this share of what was charged since the car was plugged in. */
  readonly socLiesBy?: number;
  /** Once it has charged, its charge fields say so for ever, also on the road. */
  readonly staysCharging?: true;
  /** Its socket is replaced this often; the server tells of the new one before the old one. */
  readonly flapEveryMs?: number;
  /** Its clock is ahead by so much. It follows setpoints and stamps its meter by that clock. */
  readonly clockAheadMs?: number;
}

/** What one car does through the night. */
export interface CarScript {
  /** The night begins on the road: the first trip is the one that the car is on. Otherwise it is at the plug. */
  readonly drivingAtStart: boolean;
  readonly socPercentAtStart: number;
  readonly asleepAtStart: boolean;
  /** In order of departure. */
  readonly trips: readonly Trip[];
  readonly outages: readonly Outage[];
  /** Its modem does not hear so many of the first wake-ups. */
  readonly ignoredWakes?: number;
  readonly faults?: CarFaults;
}

/** A trip as a scenario writes it; the seed fills in how long people fumble. */
export interface PlannedTrip {
  readonly leavesAtMs: number;
  readonly waitsForComputingUntilMs?: number | undefined;
  readonly manner: DepartureManner;
  readonly awayMinutes?: number | undefined;
  readonly consumesSocPercent: number;
}

export function seededTrips(planned: readonly PlannedTrip[], seed: number): Trip[] {
  const random = seededRandom(seed);
  return planned.map(({ awayMinutes, waitsForComputingUntilMs, ...trip }) => ({
    ...trip,
    ...(waitsForComputingUntilMs === undefined ? {} : { waitsForComputingUntilMs }),
    leavingMs: Math.round((20 + 40 * random()) * 1000),
    awayMs: awayMinutes === undefined ? Infinity : awayMinutes * MINUTE_MS,
  }));
}

/** The outage of this kind that covers the instant. */
export function outageAt(outages: readonly Outage[], kind: OutageKind, atMs: number): Outage | undefined {
  return outages.find((outage) => outage.kind === kind && outage.startMs <= atMs && atMs < outage.endMs);
}

/** When an outage next begins or ends; Infinity when none does. */
export function nextOutageChangeMs(outages: readonly Outage[], atMs: number): number {
  return Math.min(...outages.flatMap(({ startMs, endMs }) => [startMs, endMs]).filter((ms) => ms > atMs), Infinity);
}
