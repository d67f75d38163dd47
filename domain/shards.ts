import { z } from 'zod';

/** A model version, pinned by the hash of its file. `family` names the task queue that its shards go to. */
export interface ModelRef {
  readonly name: string;
  readonly version: string;
  readonly family: string;
  readonly sha256: string;
}

/** How a car reaches the objects of one shard where it may not open the store itself. */
export interface SliceAccess {
  /** Of the API. */
  readonly url: string;
  /** Signed, for this shard and until its job's deadline. */
  readonly token: string;
}

/** The argument of the `runShard` activity. It carries keys and hashes, never tensors. */
export interface RunShardInput {
  readonly jobId: string;
  readonly shard: number;
  /** The slice of the input that it answers, where that has another number: ids and draws of answers go by it. */
  readonly slice?: number;
  readonly model: ModelRef;
  /** Key of the JSONL slice: one OpenAI batch line per line. */
  readonly inputKey: string;
  readonly lines: number;
  /** Lines per part; a part is flushed to the object store as soon as it is complete. */
  readonly linesPerPart: number;
  /** Grid time after which nobody wants the answers any more. */
  readonly deadlineMs: number;
  /** Grid time at which the batch was submitted: the day that its answers carry. Undefined in shards of versions before. */
  readonly submittedAtMs?: number;
  /** Undefined in shards of versions in which cars opened the store themselves. */
  readonly access?: SliceAccess;
}

/** What a running attempt reports at every heartbeat, and with its failure when it has to leave. */
export interface ShardProgress {
  readonly vehicleId: string;
  /** Lines of the shard whose answers are in the object store. */
  readonly storedLines: number;
  /** Lines that this attempt has computed, stored or not. */
  readonly computedLines: number;
  readonly energyWh: number;
  readonly deviceMs: number;
}

export interface RunShardResult extends ShardProgress {
  /** Times that an attempt on another car was taken over, in all attempts of this shard. */
  readonly handovers: number;
  /** Lines that an attempt had computed but not stored, so that a later one had to compute them again. */
  readonly redoneLines: number;
  /** Tokens of unfinished answers that got lost with an attempt; undefined where nothing is generated. */
  readonly redoneTokens?: number | undefined;
}

/**
 * The heartbeat details of an attempt: what the next one needs to go on counting. Failures carry it as their first
 * detail.
 */
export interface ShardHeartbeat extends RunShardResult {
  /** Lines computed by this attempt whose part is not stored yet. */
  readonly unstoredLines: number;
  /** Tokens of unfinished answers that are not stored yet. */
  readonly unstoredTokens?: number;
}

/**
 * Written beside each part by the car that computed it: who did what, so that work is paid once even when the car's
 * completion was lost. Parts themselves carry nothing of the car, since they must be the same bytes from any car.
 */
export const partReceiptSchema = z.object({
  vehicleId: z.string(),
  range: z.object({ start: z.number().int(), end: z.number().int() }),
  energyWh: z.number().min(0),
  deviceMs: z.number().min(0),
  /** sha256 of the part's bytes, hex. */
  partSha256: z.string(),
});
export type PartReceipt = z.infer<typeof partReceiptSchema>;

/** Most bytes of a part, and so of one answer; the store takes none that are larger. */
export const MAX_PART_BYTES = 64 * 1024 * 1024;

/** `type` of the ApplicationFailures that `runShard` throws. */
export const SHARD_FAILURES = {
  /** The car has to stop: gear, plug, owner, slot over, emergency. Retryable; the next car goes on from the last part. */
  vehicleLeaving: 'VehicleLeaving',
  /** The shard arrived on a poll that was opened before the gate closed. Retryable. */
  gateClosed: 'GateClosed',
  /** The runner process died. Retryable. */
  runnerCrashed: 'RunnerCrashed',
  /** The model's file does not have the pinned hash. Not retryable. */
  modelHashMismatch: 'ModelHashMismatch',
  /** The slice cannot be read as the job describes it. Not retryable. */
  invalidShard: 'InvalidShard',
  /** The store has refused the car's access or a part for good. Not retryable. */
  storeRefused: 'StoreRefused',
  /** The job's deadline has passed. Not retryable. */
  deadlinePassed: 'DeadlinePassed',
} as const;

/** Why a car stops computing. The wave's and the owner's words for it come from here. */
export const LEAVE_REASONS = [
  'gear_out_of_park',
  'unplugged',
  'owner_opted_out',
  'slot_over',
  'grid_emergency',
  'too_hot',
  'soc_below_floor',
  'shutdown',
] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];
