import { HOUR_MS } from '../../../domain/durations.ts';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openCuttableLink, type CuttableLink } from '../../../demo/fleet/cuttableLink.ts';
import type { MemoryObjects } from '../shard/support/memoryObjects.ts';
import { cleanUp, storedAnswers, storeWithShard, temporaryFolder } from '../shard/support/testCar.ts';
import type { RunShardInput } from '../../../domain/shards.ts';
import { FakeTemporal } from './support/fakeTemporal.ts';
import { testAgent, type TestAgent } from './support/testAgent.ts';

Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });

const PATIENCE = { timeout: 20_000, interval: 10 };

let server: FakeTemporal;
let link: CuttableLink;
let objects: MemoryObjects;
let shard: RunShardInput;
const agents: TestAgent[] = [];

beforeEach(async () => {
  server = await FakeTemporal.start();
  ({ objects, shard } = await storeWithShard());
  link = await openCuttableLink(server.address, () => objects);
});

afterEach(async () => {
  link.setUp(true);
  objects.offline = false;
  await Promise.all(agents.splice(0).map(({ agent }) => agent.stop()));
  await link.close();
  await server.stop();
  await cleanUp();
});

async function startAgent(options: Partial<Parameters<typeof testAgent>[0]> = {}): Promise<TestAgent> {
  const car = await testAgent({ address: link.address, objects, ...options });
  agents.push(car);
  await car.agent.start();
  return car;
}

function scheduleShard(heartbeatTimeoutMs?: number): string {
  return server.schedule({
    activityType: 'runShard',
    input: shard,
    ...(heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeoutMs }),
  });
}

async function untilTold(token: string, kind: string): Promise<void> {
  await vi.waitFor(() => expect(server.kinds(token)).toContain(kind), PATIENCE);
}

test('a car without power to compute does not bid; with power it holds one poll open, and withdraws it at once', async () => {
  const { allow, agent } = await startAgent();
  agent.gate.close('unplugged');
  allow(HOUR_MS);
  expect(server.polls).toBe(0);

  agent.gate.clear('unplugged');
  await vi.waitFor(() => expect(server.openPolls).toBe(1), PATIENCE);
  agent.gate.close('owner_opted_out');
  await vi.waitFor(() => expect(server.openPolls).toBe(0), PATIENCE);
  const { polls } = server;

  const token = scheduleShard();
  agent.gate.clear('owner_opted_out');
  await untilTold(token, 'completed');
  expect(server.polls).toBeGreaterThan(polls);
  expect(server.mostOpenPolls).toBe(1);
});

test('a car of several families bids for one after the other, and never for two shards at once', async () => {
  const { allow } = await startAgent({ modelFamilies: ['ocr', 'general'], bidTurnMs: 100 });
  allow(HOUR_MS);
  await vi.waitFor(
    () =>
      expect(server.polledQueues().slice(0, 3)).toEqual([
        'inference/north/ai4/ocr',
        'inference/north/ai4/general',
        'inference/north/ai4/ocr',
      ]),
    PATIENCE,
  );
  const token = scheduleShard();
  await untilTold(token, 'completed');
  expect(server.mostOpenPolls).toBe(1);
});

test('a car whose roll-out ends while it bids for it turns back to its own queue', async () => {
  const { allow, order } = await startAgent({ bidTurnMs: 100 });
  const told = { issuedAtMs: 1, models: [] };
  order({ ...told, families: [{ family: 'ocr~1', base: 'ocr' }] });
  allow(HOUR_MS);
  await vi.waitFor(() => expect(server.polledQueues().at(-1)).toBe('inference/north/ai4/ocr~1'), PATIENCE);
  order({ ...told, issuedAtMs: 2, families: [] });
  await vi.waitFor(() => expect(server.polledQueues().at(-1)).toBe('inference/north/ai4/ocr'), PATIENCE);
  const token = scheduleShard();
  await untilTold(token, 'completed');
});

test('computes one shard at a time, tells the car what it draws, and ends its process with the bids', async () => {
  const { allow, agent, drawnKw } = await startAgent();
  const tokens = [scheduleShard(), server.schedule({ activityType: 'runShard', input: { ...shard, shard: 1 } })];
  allow(HOUR_MS);
  await untilTold(tokens[0] ?? '', 'completed');
  expect(storedAnswers(objects, shard)).toHaveLength(8);
  expect(new Set(drawnKw)).toEqual(new Set([0.5, 0]));
  expect(drawnKw.at(-1)).toBe(0);
  await untilTold(tokens[1] ?? '', 'completed');
  expect(server.mostOpenPolls).toBe(1);
  expect(agent.runnerPid).toBeDefined();
  agent.gate.close('slot_over');
  await vi.waitFor(() => expect(agent.runnerPid).toBeUndefined(), PATIENCE);
});

test('asked to finish, it computes the shard under way to its end, and takes no other', async () => {
  const held = new AbortController();
  const { allow, agent } = await startAgent({ pacer: { wait: () => untilAborted(held.signal) } });
  const token = scheduleShard();
  allow(HOUR_MS);
  await vi.waitFor(() => expect(agent.runnerPid).toBeDefined(), PATIENCE);
  const finished = agent.finish();
  const next = server.schedule({ activityType: 'runShard', input: { ...shard, shard: 1 } });
  held.abort();
  await finished;
  expect(server.kinds(token)).toContain('completed');
  expect(storedAnswers(objects, shard)).toHaveLength(8);
  expect(server.kinds(next)).toEqual([]);
});

test('at the end of its slot the car gives the shard back with what it has stored', async () => {
  // Held in the shard by its pace until the slot is over.
  const car = await startAgent({ pacer: { wait: (_, signal) => untilAborted(signal) } });
  const token = scheduleShard();
  car.allow(1_500);
  await untilTold(token, 'failed');
  const failed = server.told.find(({ kind }) => kind === 'failed');
  expect(failed).toMatchObject({ value: 'VehicleLeaving', lastHeartbeat: { vehicleId: 'car-a', unstoredLines: 0 } });
  await vi.waitFor(() => expect(server.openPolls).toBe(0), PATIENCE);
});

test('in an emergency the car draws nothing at once, keeps its shard, and finishes it afterwards', async () => {
  let waits = 0;
  const car = await startAgent({
    pacer: {
      wait: async () => {
        waits += 1;
        if (waits === 2) car.shed(600);
      },
    },
  });
  const token = scheduleShard();
  car.allow(HOUR_MS);
  await vi.waitFor(() => expect(car.agent.gate.reasons).toEqual(['grid_emergency']), PATIENCE);
  expect(car.drawnKw.at(-1)).toBe(0);
  const pid = car.agent.runnerPid;
  await untilTold(token, 'completed');
  expect(car.agent.runnerPid).toBe(pid);
  expect(server.kinds(token)).not.toContain('failed');
  expect(storedAnswers(objects, shard)).toHaveLength(8);
});

test('an agent that stops in mid-shard sends its last heartbeat with the failure', async () => {
  const car = await startAgent({ pacer: { wait: (_, signal) => untilAborted(signal) } });
  const token = scheduleShard();
  car.allow(HOUR_MS);
  await vi.waitFor(() => expect(car.agent.runnerPid).toBeDefined(), PATIENCE);
  await vi.waitFor(() => expect(car.drawnKw).toContain(0.5), PATIENCE);
  await car.agent.stop();
  expect(server.told.findLast((entry) => entry.token === token)).toMatchObject({
    kind: 'failed',
    value: 'VehicleLeaving',
    lastHeartbeat: { vehicleId: 'car-a', unstoredLines: 0 },
  });
});

test('when a completion is lost, the next attempt is answered from the disk', async () => {
  const folder = await temporaryFolder();
  const first = await startAgent({ folder });
  const lost = scheduleShard();
  server.lostCompletions.add(lost);
  first.allow(HOUR_MS);
  await vi.waitFor(() => expect(storedAnswers(objects, shard)).toHaveLength(8), PATIENCE);
  await first.agent.stop();
  const { puts } = objects;
  const before = puts.length;

  const second = await startAgent({ folder });
  const token = scheduleShard();
  second.allow(HOUR_MS);
  await untilTold(token, 'completed');
  expect(server.told.findLast((entry) => entry.token === token)?.value).toMatchObject({
    storedLines: 8,
    computedLines: 8,
  });
  expect(puts).toHaveLength(before);
});

test('a car offline for longer than its heartbeat timeout finishes its shard and delivers it afterwards', async () => {
  const goOffline = (): void => {
    objects.offline = true;
    link.setUp(false);
  };
  let computed = 0;
  const car = await startAgent({
    pacer: {
      wait: async (lines) => {
        computed += lines;
        if (!objects.offline) goOffline();
      },
    },
  });
  const token = scheduleShard(1_000);
  car.allow(HOUR_MS);
  await vi.waitFor(() => expect(computed).toBe(8), PATIENCE);
  server.timedOut.add(token);
  // The store is tried again and again with longer and longer pauses: well beyond the heartbeat timeout.
  await vi.waitFor(() => expect(objects.failedCalls).toBeGreaterThanOrEqual(4), PATIENCE);
  expect(storedAnswers(objects, shard)).toHaveLength(0);
  link.setUp(true);
  objects.offline = false;
  await vi.waitFor(() => expect(storedAnswers(objects, shard)).toHaveLength(8), PATIENCE);

  const again = scheduleShard();
  await untilTold(again, 'completed');
  expect(server.told.findLast((entry) => entry.token === again)?.value).toMatchObject({ storedLines: 8 });
});

test('a power cut in mid-shard stores nothing more and tells nobody', async () => {
  const car = await startAgent({ pacer: { wait: (_, signal) => untilAborted(signal) } });
  const token = scheduleShard();
  car.allow(HOUR_MS);
  await vi.waitFor(() => expect(car.drawnKw).toContain(0.5), PATIENCE);
  link.setUp(false);
  objects.offline = true;
  await car.agent.cutPower();
  expect(car.agent.runnerPid).toBeUndefined();
  objects.offline = false;

  // The car boots into its old coverage hole, and goes on from nothing when that ends.
  await car.agent.start();
  car.allow(HOUR_MS);
  link.setUp(true);
  const next = scheduleShard();
  await vi.waitFor(() => expect(server.told.some((entry) => entry.token === next)).toBe(true), PATIENCE);
  expect(storedAnswers(objects, shard)).toHaveLength(0);
  expect(server.kinds(token)).not.toContain('completed');
});

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
}
