import type { SplitBatch } from '../workflows/inferenceJob.ts';

/** A car that was caught, and the quarantine that it is in. */
export interface CaughtCar {
  readonly vehicleId: string;
  readonly quarantineId: number;
}

/** What workflows ask for so that nobody's answers are believed without a check. */
export interface TrustActivities {
  /**
   * Runs some lines of what cars have answered again, and holds the answers against theirs, before the shards are
   * accepted. Cars that no honest computer answers like are quarantined.
   * @param request.shards null: all that are not accepted
   * @returns the cars that were caught
   */
  checkShards(request: {
    readonly jobId: string;
    readonly cellId: string;
    readonly split: SplitBatch;
    readonly shards: readonly number[] | null;
  }): Promise<CaughtCar[]>;
  /** Takes back what a caught car was paid, and finds what it has delivered. */
  recallWork(request: CaughtCar & { readonly cellId: string }): Promise<RecalledWork>;
  /**
   * Computes the lines again that caught cars answered in a batch that has ended, and writes its files anew.
   * @returns the number of the correction, or null when nothing was to be corrected
   * @throws Error while the batch has not ended
   */
  correctBatch(request: { readonly batchId: string; readonly cellId: string }): Promise<number | null>;
}

export interface RecalledWork {
  /** Of batches that run: their jobs have these shards computed again. */
  readonly reopened: readonly { readonly jobId: string; readonly shards: readonly number[] }[];
  /** Batches that have ended. */
  readonly ended: readonly string[];
}
