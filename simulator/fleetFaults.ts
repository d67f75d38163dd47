import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import type { CarFaults, CarScript, Outage } from './mobility.ts';
import { seededRandom, type Random } from '../domain/random.ts';
import { derivedSeed } from './random.ts';
import { Weather } from './weather.ts';

/** What may go wrong in a fleet, with what happens; docs/fleet-simulation.md says the same. */
export const FLEET_FAULTS = [
  'coverage',
  'mass-departure',
  'heat-wave',
  'cold-night',
  'deaf-modems',
  'lying-battery',
  'stuck-telemetry',
  'flapping',
  'clock-skew',
] as const;
export type FleetFault = (typeof FLEET_FAULTS)[number];

/** The night that a fleet lives through. */
export interface FleetNight {
  readonly seed: number;
  /** Grid time of the start. */
  readonly startMs: number;
  readonly hours: number;
  readonly faults: readonly FleetFault[];
}

const MASS_DEPARTURE_SHARE = 0.6;
const HOLES_SHARE = 0.3;
const DEAF_SHARE = 0.2;
/** Of the faults of one car's own electronics; they fall on cars independently. */
const ODD_CAR_SHARE = 0.1;

/** What is wrong with one car's modem, battery, telemetry and clock; its luck does not depend on the other faults. */
export function carFaults(
  night: FleetNight,
  vehicleId: string,
): Pick<CarScript, 'outages' | 'ignoredWakes' | 'faults'> {
  const luck = (fault: FleetFault): Random => seededRandom(derivedSeed(night.seed, `${vehicleId} ${fault}`));
  const strikes = (fault: FleetFault, share: number): boolean => night.faults.includes(fault) && luck(fault)() < share;
  const isFast = luck('clock-skew')() < ODD_CAR_SHARE / 2;
  const faults: CarFaults = {
    ...(strikes('lying-battery', ODD_CAR_SHARE) && { socLiesBy: 1.5 }),
    ...(strikes('stuck-telemetry', ODD_CAR_SHARE) && { staysCharging: true }),
    ...(strikes('flapping', ODD_CAR_SHARE) && { flapEveryMs: 2 * MINUTE_MS }),
    ...(strikes('clock-skew', ODD_CAR_SHARE) && { clockAheadMs: (isFast ? 1 : -1) * 40 * MINUTE_MS }),
  };
  return {
    outages: strikes('coverage', HOLES_SHARE) ? [coverageHole(night, luck('coverage'))] : [],
    ...(strikes('deaf-modems', DEAF_SHARE) ? { ignoredWakes: 2 } : {}),
    ...(Object.keys(faults).length > 0 ? { faults } : {}),
  };
}

/** When the car is called away with most others; undefined when it is not. */
export function massDepartureMs({ seed, startMs, hours, faults }: FleetNight, vehicleId: string): number | undefined {
  if (!faults.includes('mass-departure')) return undefined;
  const isCalled = seededRandom(derivedSeed(seed, `${vehicleId} mass-departure`))() < MASS_DEPARTURE_SHARE;
  return isCalled ? startMs + (hours / 2) * HOUR_MS : undefined;
}

/** An ordinary winter's day, or the heat or cold of a fault: warmest at 15 h UTC. */
export function weatherOf({ startMs, hours, faults }: FleetNight): Weather {
  const mean = faults.includes('heat-wave') ? 36 : faults.includes('cold-night') ? -10 : 6;
  return new Weather(
    Array.from({ length: Math.ceil(hours) }, (_, hour) => {
      const celsius = mean + 6 * Math.cos((2 * Math.PI * (((startMs / HOUR_MS + hour) % 24) - 15)) / 24);
      return { startMs: startMs + hour * HOUR_MS, endMs: startMs + (hour + 1) * HOUR_MS, celsius };
    }),
  );
}

function coverageHole({ startMs, hours }: FleetNight, random: Random): Outage {
  const holeMs = startMs + random() * hours * HOUR_MS;
  return { kind: 'coverage', startMs: holeMs, endMs: holeMs + (0.2 + 1.5 * random()) * HOUR_MS };
}
