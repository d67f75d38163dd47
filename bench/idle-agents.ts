/**
 * Memory of idle vehicle agents in one process, each with its own connection and, while it may compute, its own Worker
 * that polls a real Temporal server. Prints the resident memory before, with the gates closed, and with every agent
 * polling. Goal: 600 MB for 1,000.
 *
 *     npm run bench:idle-agents -- [--agents 1000]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { UNPACED } from '../car/shard/ports.ts';
import { REAL_TIME } from '../domain/clock.ts';
import { inferenceTaskQueue } from '../domain/names.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import { VehicleAgent } from '../car/agent/vehicleAgent.ts';
import { temporalExecutable } from '../test/support/temporalExecutable.ts';

const { values } = parseArgs({ options: { agents: { type: 'string', default: '1000' } } });
const count = Number(values.agents);
const QUEUE = inferenceTaskQueue('bench', 'ai4', 'ocr');

Runtime.install({ logger: new DefaultLogger('ERROR') });
const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
const env = await TestWorkflowEnvironment.createLocal({
  server: {
    executable: { type: 'existing-path', path: await temporalExecutable() },
    // One partition each, as in production: describeTaskQueue knows the pollers of the first only.
    extraArgs: ['Read', 'Write'].flatMap((side) => [
      '--dynamic-config-value',
      `matching.numTaskqueue${side}Partitions=1`,
    ]),
    log: { format: 'pretty', level: 'error' },
  },
});
const { namespace = 'default' } = env;
const objects = createFileStore(join(folder, 'objects'));
const log = pino({ level: 'warn' });

const residentMb = (): number => process.memoryUsage().rss / 1_000_000;
const report = (what: string): void => console.log(`${what}: ${residentMb().toFixed(0)} MB`);

report('before');
const setpointListeners: ((payload: string) => void)[] = [];
const agents = Array.from(
  { length: count },
  (_, index) =>
    new VehicleAgent({
      vehicle: {
        vehicleId: `car-${index}`,
        regionId: 'bench',
        hardwareClass: 'ai4',
        computeKw: () => 1,
        computeDraw: () => {},
      },
      temporal: { options: { address: env.address }, namespace },
      modelFamilies: ['ocr'],
      openSlice: () => objects,
      setpoints: {
        listen: async (_, listener) => {
          setpointListeners.push(listener);
          return () => {};
        },
      },
      sheds: { listen: async () => () => {} },
      modelOrders: { listen: async () => () => {} },
      tellFetched: async () => {},
      answerProfile: async () => {},
      clock: REAL_TIME,
      pacer: UNPACED,
      log,
      folder: join(folder, String(index)),
      modelFolder: join(folder, 'models'),
    }),
);
for (const agent of agents) await agent.start();
report(`${count} agents, gates closed`);

const startMs = Date.now();
const interval = { startMs, endMs: startMs + 3_600_000, chargeKw: 0, computeKw: 1 };
const profile = JSON.stringify({ planId: 'bench', issuedAtMs: startMs, intervals: [interval] });
for (const listener of setpointListeners) listener(profile);
const pollers = async (): Promise<number> => {
  const { pollers } = await env.client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: QUEUE },
    taskQueueType: 2,
  });
  return pollers?.length ?? 0;
};
while ((await pollers()) < count) await delay(500);
report(`${count} agents polling, after ${((Date.now() - startMs) / 1_000).toFixed(1)} s`);
await delay(5_000);
report(`${count} agents polling, 5 s later`);
const resident = residentMb();

const stoppedAtMs = Date.now();
await Promise.all(agents.map((agent) => agent.stop()));
report(`stopped in ${((Date.now() - stoppedAtMs) / 1_000).toFixed(1)} s`);
console.log(`${resident.toFixed(0)} MB for ${count} idle agents that poll (goal 600 MB for 1000)`);
await env.teardown();
await rm(folder, { recursive: true, force: true });
