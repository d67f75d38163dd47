import type { Clock } from '../clock.ts';
import type { ModelRef } from '../shards.ts';
import type { Grant } from './coSchedule.ts';

/** What a job is started with, and where its shards are. Instants are grid time in epoch milliseconds. */

export interface InferenceJobInput {
  readonly batchId: string;
  readonly cellId: string;
  readonly clock: Clock;
  /** Carried over continue-as-new, once the batch has been split. */
  readonly carried?: JobSnapshot;
  readonly paused?: boolean;
  readonly cancelled?: boolean;
  readonly grants?: readonly Grant[];
  /** Number of its first wave, above those of a job that was lost before it; undefined: 1. */
  readonly firstWave?: number;
}

/** Where the shards of a job are. Lists are half-open ranges of shard numbers, ascending. */
export interface JobSnapshot {
  readonly split: SplitBatch;
  readonly pending: readonly (readonly [number, number])[];
  readonly done: readonly (readonly [number, number])[];
  readonly waves: readonly WaveSnapshot[];
  readonly nextWave: number;
  readonly failures: Readonly<Record<number, number>>;
  /** What the slots under way have released already, so that their grants are not used twice. */
  readonly released?: readonly ReleasedInSlot[];
}

export interface ReleasedInSlot {
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly slotStartMs: number;
  readonly shards: number;
}

export interface WaveSnapshot {
  readonly wave: number;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly endsAtMs: number;
  readonly shards: readonly number[];
}

export interface SplitBatch {
  readonly model: ModelRef;
  readonly lines: number;
  readonly shards: number;
  readonly linesPerShard: number;
  readonly linesPerPart: number;
  /** Mean units of work of a line (domain/workUnits.ts); undefined for batches split before that was counted: 1. */
  readonly unitsPerLine?: number;
  readonly deadlineMs: number;
  readonly submittedAtMs?: number;
  /** As the submitter asked: 1 first, 5 last. */
  readonly priority?: number;
  /** Whose batch it is, and the tenant's share where cars are contended for. */
  readonly tenant?: { readonly id: string; readonly weight: number };
  /** Whether what cars answer is checked before it is accepted; undefined in batches split before there were checks. */
  readonly checked?: boolean;
  /** The cell whose control processes check them; undefined: any. */
  readonly checkedIn?: string;
  /** Whether its model writes text: cars' answers then say of which tokens they are made. */
  readonly generates?: boolean;
  /** The API over which cars reach their shards, by signed tokens; undefined: they open the store themselves. */
  readonly carUrl?: string;
  /** So many shards answer each slice of the input (domain/trust/quorum.ts), copies counted in `shards`; undefined: 1. */
  readonly quorum?: number;
  /** So many lines of each slice are canaries, beside its own; undefined: none. */
  readonly canaries?: number;
  /** So many slices of the input stand in one object (store/slices.ts); undefined: each stands alone, by its shard. */
  readonly slicesPerPack?: number;
}

export interface JobStatus {
  readonly state: 'validating' | 'waiting' | 'running' | 'paused' | 'finalizing' | 'ended';
  readonly shards: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly done: number;
}
