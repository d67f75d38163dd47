import { topics } from '../domain/names.ts';
import type { SetpointProfile } from '../domain/setpoints.ts';
import type { VehicleLink } from './vehicleLink.ts';
import type { ChargeControlPort } from './chargeControl.ts';

export interface SimulatedChargeOptions {
  readonly link: VehicleLink;
  readonly gridNowMs: () => number;
  /** How long a wish holds, unless it is renewed: a car that hears nothing falls back to its fail-safe. */
  readonly holdsForMs: number;
}

/** Cars that follow setpoint profiles: simulated ones, and any with an agent on board. They know their own limit. */
export function simulatedChargeControl(options: SimulatedChargeOptions): ChargeControlPort {
  return {
    async apply(vehicleId, { chargeKw }) {
      const startMs = Math.round(options.gridNowMs());
      const interval = { startMs, endMs: startMs + options.holdsForMs, chargeKw, computeKw: 0 };
      const profile: SetpointProfile = {
        planId: `command/${vehicleId}/${startMs}`,
        issuedAtMs: startMs,
        intervals: [interval],
      };
      await options.link.publish(topics.setpoints(vehicleId), profile, { retain: true });
      return { accepted: true };
    },
  };
}
