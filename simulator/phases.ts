import { MINUTE_MS } from '../domain/durations.ts';
import type { CarState } from './carState.ts';
import type { CarScript, Trip } from './mobility.ts';

/** From standing at the plug to being plugged in. */
export const PLUG_IN_MS = MINUTE_MS;
/** A driver who waits for computing leaves this long after it began: well inside a shard. */
const INTO_COMPUTING_MS = 2 * MINUTE_MS;

type Phase = Pick<CarState, 'phase' | 'phaseSinceMs' | 'tripsDone'>;

/** The trip that the car is on or waits for. */
export function currentTrip(state: Phase, script: CarScript): Trip | undefined {
  return script.trips[state.tripsDone];
}

export function isPluggedIn(state: Phase, script: CarScript): boolean {
  if (state.phase === 'leaving') return currentTrip(state, script)?.manner === 'gear_first';
  return state.phase === 'parked';
}

export function gearOf(state: Phase, script: CarScript): 'P' | 'D' {
  if (state.phase === 'leaving') return currentTrip(state, script)?.manner === 'gear_first' ? 'D' : 'P';
  return state.phase === 'driving' ? 'D' : 'P';
}

/**
 * When the phase ends by the script; Infinity for a stay or a drive that outlasts it.
 * @param computingSinceMs when the car began to compute; undefined while it does not.
 */
export function phaseEndMs(state: Phase, script: CarScript, computingSinceMs: number | undefined): number {
  const { phase, phaseSinceMs } = state;
  const trip = currentTrip(state, script);
  const ends = {
    driving: phaseSinceMs + (trip?.awayMs ?? Infinity),
    arriving: phaseSinceMs + PLUG_IN_MS,
    parked: trip === undefined ? Infinity : departureMs(trip, computingSinceMs),
    leaving: phaseSinceMs + (trip?.leavingMs ?? 0),
  } satisfies Record<typeof phase, number>;
  return ends[phase];
}

function departureMs(trip: Trip, computingSinceMs: number | undefined): number {
  if (trip.waitsForComputingUntilMs === undefined) return trip.leavesAtMs;
  const midShardMs = computingSinceMs === undefined ? Infinity : computingSinceMs + INTO_COMPUTING_MS;
  return Math.min(trip.waitsForComputingUntilMs, Math.max(trip.leavesAtMs, midShardMs));
}
