import type { Plan } from '../scheduler/plan.ts';
import type { ChargeCycle } from '../store/chargeCycles.ts';
import type { ParkingSession } from '../store/parkingSessions.ts';

/**
 * The cycles that a plan changes: cars whose charging it starts or stops in its committed slot. A plan that is made
 * again for the same slot counts only where it decides otherwise, since the car has followed the first.
 */
export function changedCycles(
  plan: Plan,
  sessions: readonly Pick<ParkingSession, 'vehicleId' | 'stay'>[],
  known: readonly ChargeCycle[],
): ChargeCycle[] {
  const cycles = new Map(known.map((cycle) => [cycle.vehicleId, cycle]));
  const stays = new Map(sessions.map(({ vehicleId, stay }) => [vehicleId, stay]));
  return plan.cars.flatMap(({ carId: vehicleId, chargeKw }) => {
    const stay = stays.get(vehicleId);
    if (stay === undefined) return [];
    const known = cycles.get(vehicleId);
    const before = known?.stay === stay ? known : undefined;
    const charging = (chargeKw[0] ?? 0) > 0;
    if (before ? before.charging === charging : !charging) return [];
    const starts = (before?.starts ?? 0) + (charging ? 1 : 0);
    return [{ vehicleId, stay, starts, charging, changedAtMs: plan.slots.startMs }];
  });
}
