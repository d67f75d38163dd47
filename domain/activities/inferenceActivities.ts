import type { RunShardInput, RunShardResult } from '../shards.ts';

/** What `shardWave` asks of a car. */
export interface InferenceActivities {
  /**
   * Answers a shard's lines that nobody has answered yet and stores them part by part. Any car can go on where another
   * left; what this car finished before is answered from its disk.
   * @throws ApplicationFailure of a type in SHARD_FAILURES; VehicleLeaving has details [ShardHeartbeat, LeaveReason]
   * @throws CancelledFailure after storing what is computed
   */
  runShard(input: RunShardInput): Promise<RunShardResult>;
}
