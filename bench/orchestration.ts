/**
 * Shards/s through inferenceJob and shardWave with a no-op executor, against bare no-op activities from one workflow,
 * on the same server and the same cars, in turn. Prints each pair's ratio and their median; the goal is 0.9.
 *
 *     npm run bench:orchestration -- [--shards 400] [--rounds 7]
 */
import { HOUR_MS } from '../domain/durations.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { JobActivities } from '../domain/activities/jobActivities.ts';
import type { WebhookActivities } from '../domain/activities/webhookActivities.ts';
import { REAL_TIME } from '../domain/clock.ts';
import { CONTROL_TASK_QUEUE, inferenceTaskQueue, workflowIds } from '../domain/names.ts';
import type { RunShardInput, RunShardResult } from '../domain/shards.ts';
import type { inferenceJob } from '../workflows/inferenceJob.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import { granted } from '../workflows/messages.ts';
import { attributes } from '../workflows/searchAttributes.ts';
import { runShardInput } from '../workflows/shardWaveState.ts';
import { median } from './median.ts';
import { temporalExecutable } from '../test/support/temporalExecutable.ts';
import type { bareActivities } from './workflows/bareActivities.ts';

const CARS = 12;
const MODEL = { name: 'noop', version: '1', family: 'noop', sha256: '0'.repeat(64) };

const { values } = parseArgs({
  options: { shards: { type: 'string', default: '400' }, rounds: { type: 'string', default: '7' } },
});
const shards = Number(values.shards);
const rounds = Number(values.rounds);

Runtime.install({ logger: new DefaultLogger('ERROR') });
const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
const env = await TestWorkflowEnvironment.createLocal({
  server: {
    executable: { type: 'existing-path', path: await temporalExecutable() },
    searchAttributes: Object.values(attributes),
    dbFilename: join(folder, 'temporal.db'),
  },
});
const { namespace = 'default' } = env;
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('ERROR'),
});

const split: SplitBatch = {
  model: MODEL,
  lines: shards,
  shards,
  linesPerShard: 1,
  linesPerPart: 1,
  deadlineMs: Date.now() + 24 * HOUR_MS,
};
const taskQueue = inferenceTaskQueue('bench', 'ai4', MODEL.family);
const runShard = async (input: RunShardInput): Promise<RunShardResult> => ({
  vehicleId: 'noop',
  storedLines: input.lines,
  computedLines: input.lines,
  energyWh: 0,
  deviceMs: 0,
  handovers: 0,
  redoneLines: 0,
});
const control: JobActivities & WebhookActivities = {
  prepareBatch: async () => ({ kind: 'ready', split }),
  recordProgress: async () => undefined,
  signSlices: async () => [],
  acceptShards: async ({ shards: finished }) => finished.map(({ shard }) => ({ shard, accepted: true, message: '' })),
  finishBatch: async () => undefined,
  webhooksOf: async () => [],
  postWebhook: async () => undefined,
};

const workers = [
  await Worker.create({
    connection: env.nativeConnection,
    namespace,
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle,
    activities: control,
  }),
];
for (let car = 0; car < CARS; car++) {
  const connection = await NativeConnection.connect({ address: env.address });
  workers.push(
    await Worker.create({
      connection,
      namespace,
      taskQueue,
      activities: { runShard },
      maxConcurrentActivityTaskExecutions: 1,
    }),
  );
}
const running = workers.map((worker) => worker.run());

async function shardsPerSecond(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return shards / ((performance.now() - startedAt) / 1000);
}

const bare = (round: number): Promise<number> =>
  shardsPerSecond(async () => {
    await env.client.workflow.execute<typeof bareActivities>('bareActivities', {
      workflowId: `bare/${round}`,
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ taskQueue, shards: Array.from({ length: shards }, (_, shard) => runShardInput('bare', split, shard)) }],
    });
  });

const job = (round: number): Promise<number> =>
  shardsPerSecond(async () => {
    const batchId = `bench-${round}`;
    const slotStartMs = Date.now();
    const grant = { planId: 'bench', jobId: batchId, regionId: 'bench', hardwareClass: 'ai4' };
    const handle = await env.client.workflow.start<typeof inferenceJob>('inferenceJob', {
      workflowId: workflowIds.job(batchId),
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ batchId, cellId: 'none', clock: REAL_TIME }],
    });
    await handle.signal(granted, [{ ...grant, slotStartMs, slotEndMs: slotStartMs + HOUR_MS, shards }]);
    await handle.result();
  });

const ratios: number[] = [];
await bare(-1);
await job(-1);
for (let round = 0; round < rounds; round++) {
  const bareRate = await bare(round);
  const jobRate = await job(round);
  ratios.push(jobRate / bareRate);
  console.log(
    `round ${round + 1}: bare ${bareRate.toFixed(0)} shards/s, job ${jobRate.toFixed(0)} shards/s, ratio ${(jobRate / bareRate).toFixed(3)}`,
  );
}
console.log(
  `median ratio ${median(ratios).toFixed(3)} over ${rounds} rounds of ${shards} shards on ${CARS} cars (goal 0.9)`,
);

for (const worker of workers) worker.shutdown();
await Promise.all(running);
await env.teardown();
await rm(folder, { recursive: true, force: true });
