import type { SliceAccess } from '../shards.ts';
import type { JobStatus, SplitBatch } from '../workflows/inferenceJob.ts';
import type { AcceptedShard, FinishedShard } from '../workflows/shardWave.ts';

export type PreparedBatch =
  | { readonly kind: 'ready'; readonly split: SplitBatch }
  | { readonly kind: 'refused'; readonly message: string };

/** How a batch that was split ends. */
export type BatchEnd = 'completed' | 'expired' | 'cancelled';

/** What `inferenceJob` and `shardWave` ask for. */
export interface JobActivities {
  /** Checks every line of a batch's input and cuts it into shards; a batch with a bad line fails as a whole. */
  prepareBatch(request: { readonly batchId: string; readonly cellId: string }): Promise<PreparedBatch>;
  /** Writes how far a job is, for the planner and for those who watch. */
  recordProgress(request: {
    readonly batchId: string;
    readonly cellId: string;
    readonly split: SplitBatch;
    readonly counts: Omit<JobStatus, 'state'>;
    readonly inFlightByRegion?: Readonly<Record<string, number>>;
    readonly paused: boolean;
    readonly finished: boolean;
  }): Promise<void>;
  /**
   * Signs for each of the shards that a car may read its input and its model and write its parts.
   * @returns in the order of `shards`; none where cars open the store themselves
   */
  signSlices(request: {
    readonly jobId: string;
    readonly split: SplitBatch;
    readonly shards: readonly number[];
    readonly expiresRealMs: number;
  }): Promise<SliceAccess[]>;
  /** Verifies finished shards and pays for them, each once. */
  acceptShards(request: {
    readonly jobId: string;
    readonly cellId: string;
    readonly split: SplitBatch;
    readonly shards: readonly FinishedShard[];
  }): Promise<AcceptedShard[]>;
  /** Writes the output and error files: an answer or an error for each line, in the order of the input. */
  finishBatch(request: {
    readonly batchId: string;
    readonly cellId: string;
    readonly split: SplitBatch;
    readonly outcome: BatchEnd;
  }): Promise<void>;
}
