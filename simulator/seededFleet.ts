import { HARDWARE_CLASS_NAMES } from '../domain/hardwareClasses.ts';
import { CAR_MODELS, packOf, type CarModelName } from '../scheduler/energy/carModels.ts';
import type { ScenarioCar } from './fleetMember.ts';
import { seededTrips, type CarScript, type Outage } from './mobility.ts';
import { seededRandom, type Random } from '../scheduler/random.ts';
import { derivedSeed } from './random.ts';
import { Weather } from './weather.ts';

/** What may go wrong in a seeded fleet. */
export const FLEET_FAULTS = ['coverage', 'mass-departure', 'heat-wave', 'cold-night', 'deaf-modems'] as const;
export type FleetFault = (typeof FLEET_FAULTS)[number];

export interface SeededFleetOptions {
  readonly cars: number;
  readonly seed: number;
  /** Grid time of the start. */
  readonly startMs: number;
  readonly hours: number;
  readonly regionId: string;
  readonly faults: readonly FleetFault[];
}

const HOUR_MS = 3_600_000;
const MODELS = Object.keys(CAR_MODELS).filter((name): name is CarModelName => name in CAR_MODELS);
/**
 * Homes, measured: 35 % of cars are at the plug in the small hours; arrivals peak at 16 h, departures at 7 h. Parked is
 * not plugged: cars that stay away are on the road or elsewhere as far as the plug knows.
 */
const PLUGGED_AT_NIGHT = 0.35;
const ARRIVAL_HOUR = { mean: 17, spread: 2.5 } as const;
const DEPARTURE_HOUR = { mean: 7.3, spread: 1.3 } as const;

/** A fleet of any size, the same for the same seed; a car's luck does not depend on how many others there are. */
export function seededFleet(options: SeededFleetOptions): ScenarioCar[] {
  const weather = new Weather(temperatures(options));
  return Array.from({ length: options.cars }, (_, index) => {
    const vehicleId = `NSGSEEDED${String(index).padStart(8, '0')}`;
    const random = seededRandom(derivedSeed(options.seed, vehicleId));
    const name = pick(random, MODELS);
    const pack = packOf(name);
    const chargeLimitPercent = 70 + Math.round(30 * random());
    return {
      weather,
      script: scriptOf(options, random, vehicleId),
      spec: {
        vehicleId,
        regionId: options.regionId,
        hardwareClass: pick(random, HARDWARE_CLASS_NAMES),
        pack,
        phases: CAR_MODELS[name].phases.value,
        chargeLimitPercent,
        computeSocFloorPercent: 40,
        failSafeKw: pack.minKw,
        firmware: random() < 0.2 ? 'untyped' : 'typed',
      },
    };
  });
}

function scriptOf(options: SeededFleetOptions, random: Random, vehicleId: string): CarScript {
  const { startMs, hours, faults } = options;
  const endMs = startMs + hours * HOUR_MS;
  const staysTonight = random() < PLUGGED_AT_NIGHT;
  const arrivesMs = staysTonight ? nextHourMs(startMs, around(random, ARRIVAL_HOUR)) : Infinity;
  const leavesMs = nextHourMs(Math.min(arrivesMs, endMs), around(random, DEPARTURE_HOUR));
  const massDepartureMs = startMs + (hours / 2) * HOUR_MS;
  const isCalledAway = faults.includes('mass-departure') && random() < 0.6;
  const inbound = {
    leavesAtMs: startMs,
    awayMinutes: (arrivesMs - startMs) / 60_000,
    manner: 'gear_first',
    consumesSocPercent: 0,
  } as const;
  const outbound = {
    leavesAtMs: isCalledAway ? Math.max(massDepartureMs, Math.min(arrivesMs, endMs) + HOUR_MS / 2) : leavesMs,
    manner: random() < 0.5 ? 'gear_first' : 'plug_first',
    consumesSocPercent: 5 + 20 * random(),
  } as const;
  const trips = seededTrips([inbound, outbound], derivedSeed(options.seed, `${vehicleId} trips`));
  return {
    drivingAtStart: true,
    socPercentAtStart: 20 + 60 * random(),
    asleepAtStart: false,
    // A car that does not come is on the road throughout.
    trips: staysTonight ? trips : seededTrips([{ ...inbound, awayMinutes: undefined }], 0),
    outages: faults.includes('coverage') ? coverageHoles(random, startMs, endMs) : [],
    ...(faults.includes('deaf-modems') && random() < 0.2 ? { ignoredWakes: 2 } : {}),
  };
}

function coverageHoles(random: Random, startMs: number, endMs: number): Outage[] {
  if (random() < 0.7) return [];
  const holeMs = startMs + random() * (endMs - startMs);
  return [{ kind: 'coverage', startMs: holeMs, endMs: holeMs + (0.2 + 1.5 * random()) * HOUR_MS }];
}

function temperatures({ startMs, hours, faults }: SeededFleetOptions) {
  const mean = faults.includes('heat-wave') ? 36 : faults.includes('cold-night') ? -10 : 6;
  return Array.from({ length: Math.ceil(hours) }, (_, hour) => {
    const celsius = mean + 6 * Math.cos((2 * Math.PI * (((startMs / HOUR_MS + hour) % 24) - 15)) / 24);
    return { startMs: startMs + hour * HOUR_MS, endMs: startMs + (hour + 1) * HOUR_MS, celsius };
  });
}

/** The next instant at that hour of the day, UTC. */
function nextHourMs(afterMs: number, hour: number): number {
  const midnightMs = Math.floor(afterMs / (24 * HOUR_MS)) * 24 * HOUR_MS;
  const atMs = midnightMs + hour * HOUR_MS;
  return atMs > afterMs ? atMs : atMs + 24 * HOUR_MS;
}

/** Roughly normal: a sum of three uniforms. */
function around(random: Random, { mean, spread }: { mean: number; spread: number }): number {
  return mean + spread * (random() + random() + random() - 1.5) * 2;
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
