import { proxyActivities } from '@temporalio/workflow';
import type { InferenceActivities } from '../../domain/activities/inferenceActivities.ts';
import type { RunShardInput } from '../../domain/shards.ts';

/** The reference: the same no-op activities with nothing around them. */
export async function bareActivities(input: { taskQueue: string; shards: readonly RunShardInput[] }): Promise<void> {
  const { runShard } = proxyActivities<InferenceActivities>({
    taskQueue: input.taskQueue,
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '30 seconds',
  });
  await Promise.all(input.shards.map((shard) => runShard(shard)));
}
