import type { SetpointProfile } from '../../domain/setpoints.ts';
import { initialCarState, type CarState } from '../../simulator/carState.ts';
import type { CarSpec } from '../../simulator/carSpec.ts';
import type { CarScript } from '../../simulator/mobility.ts';
import { SimulatedCar } from '../../simulator/vehicle.ts';
import { Weather } from '../../simulator/weather.ts';

export const START_MS = Date.parse('2026-01-14T17:00:00Z');
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

export const SPEC: CarSpec = {
  vehicleId: 'NSGA4TEST00000001',
  regionId: 'de-berlin',
  hardwareClass: 'ai4',
  pack: { capacityKwh: 57.5, maxKw: 11, minKw: 4.14, efficiency: 0.9 },
  phases: 3,
  chargeLimitPercent: 80,
  computeSocFloorPercent: 40,
  failSafeKw: 4.2,
  firmware: 'typed',
};

export const PARKED: CarScript = {
  drivingAtStart: false,
  socPercentAtStart: 50,
  asleepAtStart: false,
  trips: [],
  outages: [],
};

export const MILD = new Weather([{ startMs: START_MS, endMs: START_MS + 24 * HOUR_MS, celsius: 20 }]);

export interface TestCar {
  readonly spec?: Partial<CarSpec>;
  readonly script?: Partial<CarScript>;
  readonly weather?: Weather;
  readonly seed?: number;
  readonly state?: CarState;
}

export function testCar({ spec, script, weather = MILD, seed = 1, state }: TestCar = {}): SimulatedCar {
  const wholeScript = { ...PARKED, ...script };
  return new SimulatedCar({
    spec: { ...SPEC, ...spec },
    script: wholeScript,
    weather,
    seed,
    state: state ?? initialCarState(wholeScript, START_MS),
  });
}

/** A profile of quarter hours from START_MS on. */
export function quarterHours(powers: readonly { chargeKw: number; computeKw?: number }[]): SetpointProfile {
  return {
    planId: 'plan-1',
    issuedAtMs: START_MS,
    intervals: powers.map(({ chargeKw, computeKw = 0 }, index) => ({
      startMs: START_MS + index * 15 * MINUTE_MS,
      endMs: START_MS + (index + 1) * 15 * MINUTE_MS,
      chargeKw,
      computeKw,
    })),
  };
}
