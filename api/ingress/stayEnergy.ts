import type { Vehicle } from '../../store/vehicles.ts';
import type { FusedState } from './fusedState.ts';
import type { FusionInput } from './fusion.ts';
import { NEW_TRACK, trackDraw, trackPower, trackSoc } from './plausibility.ts';

/** At the plug, cooling and awake load included, in the greatest heat in which a car computes. */
const MAX_COMPUTE_KW = 3;

/**
 * Holds what a message says of energy against what the stay has shown so far; a new stay is compared from its own start.
 * @param before the state without the message, `state` with it
 */
export function withEnergy(
  before: FusedState,
  state: FusedState,
  vehicle: Vehicle,
  input: FusionInput,
  atMs: number,
): FusedState {
  if (state.plug === 'away') return state;
  const known = before.plug === 'away' ? NEW_TRACK : (state.energy ?? NEW_TRACK);
  if (input.kind !== 'field' || input.retained)
    return state.online ? { ...state, energy: known } : withoutDraw(state, known);
  const energy = trackDraw(known, statedKw(state), atMs);
  if (typeof input.value !== 'number') return { ...state, energy };
  if (input.name === 'BatteryLevel') return { ...state, energy: trackSoc(energy, vehicle, input.value, atMs) };
  if (input.name !== 'ACChargingPower') return { ...state, energy };
  return { ...state, energy: trackPower(energy, vehicle, input.value, MAX_COMPUTE_KW) };
}

/** Nobody knows what a car drew that was not heard. */
function withoutDraw(state: FusedState, energy: NonNullable<FusedState['energy']>): FusedState {
  const { drawn: _, ...others } = energy;
  return { ...state, energy: others };
}

/** What the car says that it draws to charge: by two fields, since any single signal may have been lost. */
function statedKw({ values, online }: FusedState): number {
  const { DetailedChargeState: charge, ACChargingPower: power } = values;
  const isCharging = online && charge?.live === true && charge.value === 'Charging';
  return isCharging && power?.live === true && typeof power.value === 'number' ? Math.max(0, power.value) : 0;
}
