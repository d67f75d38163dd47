import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import type { ParkingPlace } from './carSpec.ts';
import { drawSpec } from './drawnSpec.ts';
import { carFaults, massDepartureMs, weatherOf, type FleetNight } from './fleetFaults.ts';
import type { ScenarioCar } from './fleetMember.ts';
import { seededTrips, type CarScript, type PlannedTrip } from './mobility.ts';
import { PLUG_IN_MS } from './phases.ts';
import { seededRandom, type Random } from '../domain/random.ts';
import { derivedSeed } from './random.ts';

/** A stay at a plug as it was recorded. Times are grid time. */
export interface RecordedStay {
  readonly userId: string;
  readonly pluggedInMs: number;
  readonly pluggedOutMs: number;
  /** Delivered at the plug. */
  readonly energyKwh: number;
}

export interface RecordedFleetOptions extends FleetNight {
  readonly stays: readonly RecordedStay[];
  /** More cars than there are users take the users' stays again, in turn; left out: a car for each user. */
  readonly cars?: number;
  readonly regionId: string;
  readonly place: ParkingPlace;
}

/**
 * A car for each user who was at a plug within the night: it comes and goes as recorded and arrives with as much
 * missing as was charged. Where two stays of one user overlap, the later one is left out. Empty when nobody was there.
 */
export function recordedFleet(options: RecordedFleetOptions): ScenarioCar[] {
  const weather = weatherOf(options);
  const { regionId, place, seed } = options;
  const users = [...staysByUser(options).values()];
  if (users.length === 0) return [];
  return Array.from({ length: options.cars ?? users.length }, (_, index) => {
    const vehicleId = `NSGRECORD${String(index).padStart(8, '0')}`;
    const random = seededRandom(derivedSeed(seed, vehicleId));
    const calledAwayMs = massDepartureMs(options, vehicleId) ?? Infinity;
    const stays = (users[index % users.length] ?? []).map((stay) =>
      stay.pluggedInMs < calledAwayMs ? { ...stay, pluggedOutMs: Math.min(stay.pluggedOutMs, calledAwayMs) } : stay,
    );
    const drawn = drawSpec(random, {
      vehicleId,
      regionId,
      place,
      leastPackKwh: Math.max(...stays.map(({ energyKwh }) => energyKwh)),
    });
    // Full at the limit, so that what was charged is what is missing.
    const spec = { ...drawn, chargeLimitPercent: 100 };
    const missingPercent = (stay: RecordedStay): number =>
      Math.min(100, (100 * stay.energyKwh * spec.pack.efficiency) / spec.pack.capacityKwh);
    return { weather, spec, script: scriptOf(options, vehicleId, stays, missingPercent, random) };
  });
}

function scriptOf(
  night: FleetNight,
  vehicleId: string,
  stays: readonly RecordedStay[],
  missingPercent: (stay: RecordedStay) => number,
  random: Random,
): CarScript {
  const [first] = stays;
  const drivingAtStart = first !== undefined && first.pluggedInMs > night.startMs;
  const departures = stays.map((stay, index): PlannedTrip => {
    const next = stays[index + 1];
    return {
      leavesAtMs: stay.pluggedOutMs,
      awayMinutes: next && minutesUntil(next, stay.pluggedOutMs),
      manner: random() < 0.5 ? 'gear_first' : 'plug_first',
      consumesSocPercent: next ? missingPercent(next) : 20,
    };
  });
  const arrival: PlannedTrip = {
    leavesAtMs: night.startMs,
    awayMinutes: first && minutesUntil(first, night.startMs),
    manner: 'gear_first',
    consumesSocPercent: 0,
  };
  return {
    drivingAtStart,
    socPercentAtStart: first ? 100 - missingPercent(first) : 50,
    asleepAtStart: false,
    trips: seededTrips(
      drivingAtStart ? [arrival, ...departures] : departures,
      derivedSeed(night.seed, `${vehicleId} trips`),
    ),
    ...carFaults(night, vehicleId),
  };
}

/** From leaving to being back on the site; plugging in takes its own time. */
function minutesUntil(stay: RecordedStay, fromMs: number): number {
  return Math.max(0, stay.pluggedInMs - fromMs - PLUG_IN_MS) / MINUTE_MS;
}

function staysByUser({ stays, startMs, hours }: RecordedFleetOptions): Map<string, RecordedStay[]> {
  const endMs = startMs + hours * HOUR_MS;
  const byUser = new Map<string, RecordedStay[]>();
  for (const stay of [...stays].sort((a, b) => a.pluggedInMs - b.pluggedInMs)) {
    if (stay.pluggedOutMs <= startMs || stay.pluggedInMs >= endMs) continue;
    const known = byUser.get(stay.userId) ?? [];
    const last = known.at(-1);
    if (last && stay.pluggedInMs < last.pluggedOutMs) continue;
    byUser.set(stay.userId, [...known, stay]);
  }
  return byUser;
}
