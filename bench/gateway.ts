/**
 * Shards/s of no-op activities through the cars' gateway against direct, in turn, on the same server with as many cars;
 * what polling cars cost the gateway in memory; and whether a gateway killed under load costs a shard. Prints each
 * pair's ratio and their median; the goal is 0.9.
 *
 *     npm run bench:gateway -- [--shards 400] [--rounds 7] [--cars 1000] [--shard-ms 0]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Metadata, credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import proto from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { CONTROL_TASK_QUEUE, inferenceTaskQueue } from '../domain/names.ts';
import type { RunShardInput, RunShardResult } from '../domain/shards.ts';
import { temporalExecutable } from '../test/support/temporalExecutable.ts';
import { BENCH_FAMILY, BENCH_REGION, keyOf } from './gateway/cars.ts';
import { median } from './median.ts';
import type { bareActivities } from './workflows/bareActivities.ts';

const CARS = 12;
const QUEUES = {
  gateway: inferenceTaskQueue(BENCH_REGION, 'ai4', BENCH_FAMILY),
  direct: inferenceTaskQueue(BENCH_REGION, 'ai4', 'direct'),
} as const;

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '7' },
    cars: { type: 'string', default: '1000' },
    'shard-ms': { type: 'string', default: '0' },
  },
});
const shards = Number(values.shards);
const rounds = Number(values.rounds);
const pollingCars = Number(values.cars);
const shardMs = Number(values['shard-ms']);

Runtime.install({ logger: new DefaultLogger('ERROR') });
const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
const env = await TestWorkflowEnvironment.createLocal({
  server: {
    executable: { type: 'existing-path', path: await temporalExecutable() },
    dbFilename: join(folder, 'temporal.db'),
  },
});
const { namespace = 'default' } = env;
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('ERROR'),
});

async function startGatewayProcess(port = 0): Promise<{ child: ChildProcess; port: number }> {
  const request = { target: env.address, namespace, port, cars: Math.max(CARS, pollingCars) };
  const child = fork(new URL('./gateway/gatewayProcess.ts', import.meta.url), [JSON.stringify(request)], {
    execArgv: ['--import', 'tsx'],
  });
  const [started] = (await once(child, 'message')) as [{ port: number }];
  return { child, port: started.port };
}

const runShard = async (input: RunShardInput): Promise<RunShardResult> => {
  if (shardMs > 0) await sleep(shardMs);
  const counted = { storedLines: input.lines, computedLines: input.lines, energyWh: 0, deviceMs: 0 };
  return { vehicleId: 'noop', ...counted, handovers: 0, redoneLines: 0 };
};

/** As agents connect. */
const grpcCompression = { codec: 'none' } as const;

async function carWorker(kind: keyof typeof QUEUES, car: number): Promise<Worker> {
  const connection = await NativeConnection.connect(
    kind === 'direct'
      ? { address: env.address, grpcCompression }
      : { address: `127.0.0.1:${gateway.port}`, metadata: { authorization: `Bearer ${keyOf(car)}` }, grpcCompression },
  );
  const one = { maxConcurrentActivityTaskExecutions: 1, maxConcurrentActivityTaskPolls: 1 };
  return Worker.create({ connection, namespace, taskQueue: QUEUES[kind], activities: { runShard }, ...one });
}

let gateway = await startGatewayProcess();
const workers = [
  await Worker.create({ connection: env.nativeConnection, namespace, taskQueue: CONTROL_TASK_QUEUE, workflowBundle }),
];
for (let car = 0; car < CARS; car++) workers.push(await carWorker('direct', car), await carWorker('gateway', car));
const running = workers.map((worker) => worker.run());

async function shardsPerSecond(kind: keyof typeof QUEUES, round: string): Promise<number> {
  const model = { name: 'noop', version: '1', family: BENCH_FAMILY, sha256: '0'.repeat(64) };
  const inputs = Array.from({ length: shards }, (_, shard): RunShardInput => {
    return { jobId: 'bench', shard, model, inputKey: '', lines: 1, linesPerPart: 1, deadlineMs: Infinity };
  });
  const startedAt = performance.now();
  await env.client.workflow.execute<typeof bareActivities>('bareActivities', {
    workflowId: `${kind}/${round}`,
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ taskQueue: QUEUES[kind], shards: inputs }],
  });
  return shards / ((performance.now() - startedAt) / 1000);
}

async function usage(child: ChildProcess): Promise<{ rssMb: number; cpu: NodeJS.CpuUsage }> {
  child.send('usage');
  const [used] = (await once(child, 'message')) as [{ rssMb: number; cpu: NodeJS.CpuUsage }];
  return used;
}

function raw(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}

/** Cars that do nothing but hold a poll open, each on a connection of its own. */
async function holdPolls(cars: number): Promise<() => void> {
  const Client = makeGenericClientConstructor({}, 'poll');
  const { PollActivityTaskQueueRequest } = proto.temporal.api.workflowservice.v1;
  const request = PollActivityTaskQueueRequest.encode({ namespace, taskQueue: { name: QUEUES.gateway } }).finish();
  const clients = Array.from({ length: cars }, (_, car) => {
    // Else all of them would share one connection.
    const own = { 'grpc.use_local_subchannel_pool': 1 };
    const client = new Client(`127.0.0.1:${gateway.port}`, credentials.createInsecure(), own);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${keyOf(car)}`);
    const path = '/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue';
    client.makeUnaryRequest(path, raw, raw, request, metadata, { deadline: Date.now() + 60_000 }, () => {});
    return client;
  });
  await Promise.all(
    clients.map((client) => new Promise((resolve) => client.waitForReady(Date.now() + 30_000, resolve))),
  );
  await sleep(2_000);
  return () => clients.forEach((client) => client.close());
}

await shardsPerSecond('direct', 'warm-up');
await shardsPerSecond('gateway', 'warm-up');
const ratios: number[] = [];
const cpuBefore = (await usage(gateway.child)).cpu;
for (let round = 1; round <= rounds; round++) {
  // Which comes first takes turns: other work on the machine grows or ends in mid-round.
  const kinds = round % 2 === 0 ? (['gateway', 'direct'] as const) : (['direct', 'gateway'] as const);
  const rates = { gateway: 0, direct: 0 };
  for (const kind of kinds) rates[kind] = await shardsPerSecond(kind, `${round}`);
  const { direct, gateway: through } = rates;
  ratios.push(through / direct);
  console.log(
    `round ${round}: direct ${direct.toFixed(0)} shards/s, through the gateway ${through.toFixed(0)} shards/s, ratio ${(through / direct).toFixed(3)}`,
  );
}
const { cpu, rssMb } = await usage(gateway.child);
const cpuMsPerShard = (cpu.user + cpu.system - cpuBefore.user - cpuBefore.system) / 1_000 / (rounds * shards);
console.log(
  `median ratio ${median(ratios).toFixed(3)} over ${rounds} rounds of ${shards} shards of ${shardMs} ms on ${CARS} cars (goal 0.9)`,
);
console.log(`gateway: ${cpuMsPerShard.toFixed(2)} ms of CPU a shard, ${rssMb.toFixed(0)} MB`);

const killed = shardsPerSecond('gateway', 'killed');
await sleep(500);
gateway.child.kill('SIGKILL');
gateway = await startGatewayProcess(gateway.port);
console.log(
  `killed under load and started again: ${shards} of ${shards} shards done, ${(await killed).toFixed(0)} shards/s`,
);

const before = (await usage(gateway.child)).rssMb;
const release = await holdPolls(pollingCars);
const after = (await usage(gateway.child)).rssMb;
console.log(
  `${pollingCars} polling cars: ${after.toFixed(0)} MB, ${((1024 * (after - before)) / pollingCars).toFixed(0)} kB a car; load average ${loadavg()[0]?.toFixed(1)}`,
);
release();

for (const worker of workers) worker.shutdown();
await Promise.all(running);
gateway.child.kill();
await env.teardown();
await rm(folder, { recursive: true, force: true });
process.exit(0);
