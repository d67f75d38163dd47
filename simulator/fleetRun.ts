import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import type { SetpointProfile } from '../domain/setpoints.ts';
import { initialCarState } from './carState.ts';
import type { ScenarioCar } from './fleetMember.ts';
import { seededRandom } from '../domain/random.ts';
import { derivedSeed } from './random.ts';
import { TELEMETRY_CONFIG, TelemetryStream } from './telemetry.ts';
import { SimulatedCar } from './vehicle.ts';

export interface FleetRun {
  readonly cars: number;
  readonly gridHours: number;
  readonly realSeconds: number;
  /** CPU time of this process over grid time: 1 would be one core at scale 1. */
  readonly cpuSeconds: number;
  readonly messages: number;
  readonly pluggedHours: number;
  readonly chargingKwh: number;
  /** Stays that had ended when the run was over. */
  readonly departures: number;
}

export interface FleetRunOptions {
  readonly cars: readonly ScenarioCar[];
  readonly seed: number;
  readonly startMs: number;
  readonly hours: number;
}

const STEP_MS = MINUTE_MS;
const SLOT_MS = 15 * MINUTE_MS;
const SLOTS_AHEAD = 3;

/**
 * Lives a fleet through a night as fast as the machine can: cars follow a setpoint profile that is renewed in every
 * slot, and form every telemetry message that they would send. No broker, no planner and no inference: this is what the
 * cars themselves cost.
 */
export function runFleet({ cars: scenario, seed, startMs, hours }: FleetRunOptions): FleetRun {
  const cars = scenario.map((each) => {
    const carSeed = derivedSeed(seed, each.spec.vehicleId);
    const car = new SimulatedCar({ ...each, seed: carSeed, state: initialCarState(each.script, startMs) });
    return { car, stream: new TelemetryStream(car, TELEMETRY_CONFIG, seededRandom(carSeed), null) };
  });
  const startedRealMs = Date.now();
  const startedCpu = process.cpuUsage();
  const endMs = startMs + hours * HOUR_MS;
  let messages = 0;
  let pluggedHours = 0;
  for (let atMs = startMs; atMs < endMs; atMs += STEP_MS) {
    const isSlotStart = (atMs - startMs) % SLOT_MS === 0;
    for (const { car, stream } of cars) {
      if (isSlotStart) car.follow(profileFrom(atMs, car.spec.pack.maxKw));
      car.advanceTo(atMs + STEP_MS);
      messages += stream.collect().length;
      if (car.pluggedIn) pluggedHours += STEP_MS / HOUR_MS;
    }
  }
  const { user, system } = process.cpuUsage(startedCpu);
  return {
    cars: cars.length,
    gridHours: hours,
    realSeconds: (Date.now() - startedRealMs) / 1_000,
    cpuSeconds: (user + system) / 1e6,
    messages,
    pluggedHours,
    chargingKwh: cars.reduce((sum, { car }) => sum + car.state.chargingKwh, 0),
    departures: cars.filter(({ car }) => car.state.tripsDone > 0 && car.state.phase === 'driving').length,
  };
}

function profileFrom(atMs: number, chargeKw: number): SetpointProfile {
  const intervals = Array.from({ length: SLOTS_AHEAD }, (_, slot) => ({
    startMs: atMs + slot * SLOT_MS,
    endMs: atMs + (slot + 1) * SLOT_MS,
    chargeKw,
    computeKw: 0,
  }));
  return { planId: 'simulated', issuedAtMs: atMs, intervals };
}
