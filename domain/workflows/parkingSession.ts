import type { Clock } from '../clock.ts';
import type { SessionSetpoint } from './coSchedule.ts';

/** What a stay is started with, and what its owner is promised. Instants are grid time in epoch milliseconds. */

export interface ParkingSessionInput {
  readonly vehicleId: string;
  readonly stay: number;
  readonly cellId: string;
  readonly clock: Clock;
  readonly pluggedInMs: number;
  readonly carried?: SessionSnapshot;
}

export interface SessionSnapshot {
  readonly terms: SessionTerms;
  readonly setpoint: SessionSetpoint | null;
  readonly readyByChecked: boolean;
}

/** What the owner is promised for this stay. */
export interface SessionTerms {
  readonly readyByMs: number;
  readonly targetSocPercent: number;
  readonly displayName: string;
  readonly timeZone: string;
}
