import type { SessionTerms } from '../workflows/parkingSession.ts';

/** One stay of one car: its parking session. */
export interface Stay {
  readonly vehicleId: string;
  readonly stay: number;
  readonly cellId: string;
}

/** What `parkingSession` asks for. Instants are grid time in epoch milliseconds. */
export interface StayActivities {
  /** Agrees what the owner is promised for this stay, from the policy as it is now; called again when it changes. */
  openSession(request: Stay & { readonly pluggedInMs: number }): Promise<SessionTerms>;
  /** Records the SoC at ready-by, or at departure when that came first, against the target. */
  checkReadyBy(request: Stay & { readonly atMs: number }): Promise<void>;
  /** Ends a stay: pays availability unless its telemetry contradicted itself, and writes the owner's statement. */
  closeSession(
    request: Stay & { readonly unpluggedMs: number; readonly reason: string; readonly wasComputing: boolean },
  ): Promise<void>;
}
