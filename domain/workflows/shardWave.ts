import type { Clock } from '../clock.ts';
import type { RunShardResult } from '../shards.ts';
import type { SplitBatch } from './inferenceJob.ts';

/** What a wave of shards is started with, and what it reports. Instants are grid time in epoch milliseconds. */

export interface ShardWaveInput {
  readonly jobId: string;
  readonly cellId: string;
  readonly wave: number;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly split: SplitBatch;
  readonly shards: readonly number[];
  readonly endsAtMs: number;
  readonly clock: Clock;
}

export interface WaveReport {
  readonly wave: number;
  readonly done: readonly number[];
  /** Not finished here: the job releases them again under a later grant. */
  readonly returned: readonly number[];
  /** Failed for a reason that another car would not mend. */
  readonly failed: readonly { readonly shard: number; readonly message: string }[];
}

export interface AcceptedShard {
  readonly shard: number;
  readonly accepted: boolean;
  /** What was wrong; empty when accepted. */
  readonly message: string;
  /** Refused for a car's sake, not for the shard's: it is computed again as often as it takes. */
  readonly again?: boolean;
}

export interface FinishedShard {
  readonly shard: number;
  readonly result: RunShardResult;
}
