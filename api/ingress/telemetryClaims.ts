import { carReason, type CarReason } from '../../domain/claims.ts';
import type { ClaimUpdate } from '../../store/vehicleClaims.ts';
import type { FusedState } from './fusedState.ts';
import { distrustReasons, NEW_TRACK } from './plausibility.ts';
import { plugSigns } from './plugSigns.ts';

/** What telemetry now says of the car, or undefined when that is what it said before. */
export function claimUpdateOf(
  vehicleId: string,
  before: FusedState,
  state: FusedState,
  atMs: number,
): ClaimUpdate | undefined {
  const { plug, online } = state;
  const doubt = state.energy?.doubt ?? null;
  if (before.plug === plug && before.online === online && (before.energy?.doubt ?? null) === doubt) return undefined;
  return {
    vehicleId,
    atMs,
    source: 'telemetry',
    reasons: reasonsOf(state),
    condition: { plug, online, ...(plug === 'away' ? { chargeKw: 0, computeKw: 0 } : {}) },
    endsPlan: plug === 'away',
  };
}

function reasonsOf(state: FusedState): CarReason[] {
  const { plug, online, energy = NEW_TRACK } = state;
  const reasons = distrustReasons(energy);
  if (plug === 'away') reasons.push(carReason('telemetry', 'safety', 'away'));
  if (plug === 'doubted') {
    const leaving = plugSigns(state).filter(({ says }) => says === 'unplugged');
    const signs = leaving.map(({ field, reading }) => `${field} is ${reading.value}`).join(' and ');
    reasons.push(carReason('telemetry', 'safety', 'may_be_leaving', { text: `It may be leaving: ${signs}.` }));
  }
  if (plug !== 'away' && !online) reasons.push(carReason('telemetry', 'default', 'asleep'));
  return reasons;
}
