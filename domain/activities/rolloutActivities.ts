import type { JournalReason } from '../journal.ts';
import type { VersionsCompared } from '../rollouts/judgeVersions.ts';
import type { Comparison, Rollout, RolloutStatus } from '../workflows/modelRollout.ts';

/** How far the cars of a wave are. */
export interface WaveDelivery {
  readonly target: number;
  readonly drawn: number;
  readonly holding: number;
  /** What is beyond its limit already: the roll-out goes back. */
  readonly reasons?: readonly JournalReason[];
}

/** What `modelRollout` asks for. Instants are grid time in epoch milliseconds. */
export interface RolloutActivities {
  /** Draws the cars of the wave that are at their plug, and orders their downloads within the budget. */
  deliverWave(request: { readonly rollout: Rollout; readonly wave: number }): Promise<WaveDelivery>;
  /**
   * Cuts real requests of the last days into two batches, one of each version, for the cars that have the next one.
   * @returns null where there are not enough requests yet
   */
  beginComparison(request: { readonly rollout: Rollout; readonly wave: number }): Promise<Comparison | null>;
  /** @returns null while the batches run */
  readComparison(request: { readonly rollout: Rollout } & Comparison): Promise<VersionsCompared | null>;
  /** From now on the version answers this share of the tenants. */
  serveShare(request: { readonly rollout: Rollout; readonly share: number }): Promise<void>;
  /** What tenants' own batches on the version show that is beyond the limits. */
  watchVersion(request: { readonly rollout: Rollout }): Promise<readonly JournalReason[]>;
  /** The version answers everyone from now on, or nobody. */
  decideRollout(request: { readonly rollout: Rollout; readonly status: RolloutStatus }): Promise<void>;
  /** @returns how many batches still run on the cars of the roll-out; with none, the cars are let go */
  drainRollout(request: { readonly rollout: Rollout }): Promise<number>;
  /** Stores where the roll-out stands, and tells the journal where that is another place than before. */
  noteRollout(request: {
    readonly rollout: Rollout;
    readonly status: RolloutStatus;
    readonly tell: boolean;
  }): Promise<void>;
}
