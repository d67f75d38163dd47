import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import type { ParkingPlace } from './carSpec.ts';
import { drawSpec } from './drawnSpec.ts';
import { carFaults, massDepartureMs, weatherOf, type FleetNight } from './fleetFaults.ts';
import type { ScenarioCar } from './fleetMember.ts';
import { seededTrips, type CarScript } from './mobility.ts';
import { seededRandom, type Random } from '../domain/random.ts';
import { derivedSeed } from './random.ts';

export interface SeededFleetOptions extends FleetNight {
  readonly cars: number;
  readonly regionId: string;
  readonly place: ParkingPlace;
}

interface Habits {
  /** Of all cars; the others are elsewhere as far as the plug knows, since parked is not plugged. */
  readonly comingShare: number;
  readonly arrivalHour: { readonly mean: number; readonly spread: number };
  leavesMs(arrivesMs: number, random: Random): number;
}

const HABITS = {
  /** Measured at homes: 35 % are at the plug in the small hours; arrivals peak at 16 h, departures at 7 h. */
  home: {
    comingShare: 0.35,
    arrivalHour: { mean: 17, spread: 2.5 },
    leavesMs: (arrivesMs, random) => nextHourMs(arrivesMs, around(random, { mean: 7.3, spread: 1.3 })),
  },
  /** Measured at a workplace: half stay less than 1.5 h. How many come at all is assumed to be as at homes. */
  workplace: {
    comingShare: 0.35,
    arrivalHour: { mean: 9, spread: 1.5 },
    leavesMs: (arrivesMs, random) => arrivesMs + Math.min(12, -2.16 * Math.log(1 - random())) * HOUR_MS,
  },
} as const satisfies Record<ParkingPlace, Habits>;

/** A fleet of any size, the same for the same seed; a car's luck does not depend on how many others there are. */
export function seededFleet(options: SeededFleetOptions): ScenarioCar[] {
  const weather = weatherOf(options);
  const { regionId, place } = options;
  return Array.from({ length: options.cars }, (_, index) => {
    const vehicleId = `NSGSEEDED${String(index).padStart(8, '0')}`;
    const random = seededRandom(derivedSeed(options.seed, vehicleId));
    const spec = drawSpec(random, { vehicleId, regionId, place });
    return { weather, script: scriptOf(options, random, vehicleId), spec };
  });
}

function scriptOf(options: SeededFleetOptions, random: Random, vehicleId: string): CarScript {
  const { startMs, hours } = options;
  const { comingShare, arrivalHour, leavesMs } = HABITS[options.place];
  const comes = random() < comingShare;
  const arrivesMs = comes ? nextHourMs(startMs, around(random, arrivalHour)) : Infinity;
  const usualMs = leavesMs(Math.min(arrivesMs, startMs + hours * HOUR_MS), random);
  const calledAwayMs = massDepartureMs(options, vehicleId);
  const inbound = {
    leavesAtMs: startMs,
    awayMinutes: comes ? (arrivesMs - startMs) / MINUTE_MS : undefined,
    manner: 'gear_first',
    consumesSocPercent: 0,
  } as const;
  const outbound = {
    leavesAtMs:
      calledAwayMs === undefined ? usualMs : Math.min(usualMs, Math.max(calledAwayMs, arrivesMs + HOUR_MS / 2)),
    manner: random() < 0.5 ? 'gear_first' : 'plug_first',
    consumesSocPercent: 5 + 20 * random(),
  } as const;
  return {
    drivingAtStart: true,
    socPercentAtStart: 20 + 60 * random(),
    asleepAtStart: false,
    // A car that does not come is on the road throughout.
    trips: seededTrips(comes ? [inbound, outbound] : [inbound], derivedSeed(options.seed, `${vehicleId} trips`)),
    ...carFaults(options, vehicleId),
  };
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
