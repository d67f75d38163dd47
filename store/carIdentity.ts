import { createHash } from 'node:crypto';

/** What operators see of a car in Temporal: enough to tell cars apart, not whose they are. */
export function carIdentity(vehicleId: string): string {
  return `veh:${createHash('sha256').update(vehicleId).digest('hex').slice(0, 12)}`;
}
