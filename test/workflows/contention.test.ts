import { HOUR_MS } from '../../domain/durations.ts';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, inferenceTaskQueue } from '../../domain/names.ts';
import type { RunShardInput, RunShardResult } from '../../domain/shards.ts';
import { dynamicConfigArgs } from '../../worker/local/temporal/devServer.ts';
import type { AcceptedShard, ShardWaveInput } from '../../domain/workflows/shardWave.ts';
import type { shardWave } from '../../workflows/shardWave.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const MODEL = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) };

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal(dynamicConfigArgs());
});
afterAll(() => env.teardown());

interface Contender {
  readonly jobId: string;
  readonly tenant: string;
  readonly weight?: number;
  readonly shards: number;
  readonly priority?: number;
}

function waveOf({ jobId, tenant, weight = 1, shards, priority = 3 }: Contender): ShardWaveInput {
  const nowMs = Date.now();
  return {
    jobId,
    cellId: 'none',
    wave: 1,
    regionId: 'north',
    hardwareClass: 'ai4',
    shards: Array.from({ length: shards }, (_, shard) => shard),
    split: {
      model: MODEL,
      lines: shards,
      shards,
      linesPerShard: 1,
      linesPerPart: 1,
      deadlineMs: nowMs + 12 * HOUR_MS,
      submittedAtMs: nowMs,
      priority,
      tenant: { id: tenant, weight },
    },
    endsAtMs: nowMs + HOUR_MS,
    clock: REAL_TIME,
  };
}

async function acceptShards({ shards }: { shards: readonly { shard: number }[] }): Promise<AcceptedShard[]> {
  return shards.map(({ shard }) => ({ shard, accepted: true, message: '' }));
}

/** Jobs in the order in which one car, which comes when all shards wait, takes them. */
async function orderOf(contenders: readonly Contender[]): Promise<string[]> {
  const taken: string[] = [];
  const runShard = async ({ jobId }: RunShardInput): Promise<RunShardResult> => {
    taken.push(jobId);
    const done = { storedLines: 1, computedLines: 1, energyWh: 1, deviceMs: 1, handovers: 0, redoneLines: 0 };
    return { vehicleId: 'car', ...done };
  };
  await withWorker(env, { acceptShards }, async () => {
    const waves = await Promise.all(
      contenders.map((contender) =>
        env.client.workflow.start<typeof shardWave>('shardWave', {
          workflowId: `wave of ${contender.jobId}`,
          taskQueue: CONTROL_TASK_QUEUE,
          args: [waveOf(contender)],
        }),
      ),
    );
    const waiting = async (): Promise<number> => {
      const described = await Promise.all(waves.map((wave) => wave.describe()));
      return described.reduce((sum, { raw }) => sum + (raw.pendingActivities?.length ?? 0), 0);
    };
    await expect.poll(waiting).toBe(contenders.reduce((sum, { shards }) => sum + shards, 0));
    const car = await Worker.create({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      taskQueue: inferenceTaskQueue('north', 'ai4', MODEL.family),
      activities: { runShard },
      maxConcurrentActivityTaskExecutions: 1,
    });
    await car.runUntil(Promise.all(waves.map((wave) => wave.result())));
  });
  return taken;
}

test('what is asked for first is taken first, and a tenant with much to do does not keep another one waiting', async () => {
  const order = await orderOf([
    { jobId: 'many', tenant: 'lab', shards: 12 },
    { jobId: 'few', tenant: 'shop', shards: 4 },
    { jobId: 'first', tenant: 'lab', shards: 2, priority: 1 },
  ]);
  expect(order.slice(0, 2)).toEqual(['first', 'first']);
  // Taking turns, the four are through after eight; in the order of submission they would come last.
  expect(order.slice(2, 11).filter((jobId) => jobId === 'few')).toHaveLength(4);
});

test('a tenant of three times the weight gets three times as much', async () => {
  const order = await orderOf([
    { jobId: 'light', tenant: 'light', shards: 12 },
    { jobId: 'heavy', tenant: 'heavy', shards: 12, weight: 3 },
  ]);
  const heavy = order.slice(0, 12).filter((jobId) => jobId === 'heavy').length;
  expect(heavy).toBeGreaterThanOrEqual(8);
  expect(heavy).toBeLessThanOrEqual(10);
});
