import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { HOUR_MS } from '../../../domain/durations.ts';
import { Metadata, credentials, makeGenericClientConstructor, status, type ServiceError } from '@grpc/grpc-js';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { everyRpc } from '../../../api/gateway/rpcs.ts';
import { inferenceTaskQueue } from '../../../domain/names.ts';
import type { RunShardInput } from '../../../domain/shards.ts';
import { carIdentity } from '../../../store/carIdentity.ts';
import { FakeTemporal } from '../../car/agent/support/fakeTemporal.ts';
import { testAgent, type TestAgent } from '../../car/agent/support/testAgent.ts';
import type { MemoryObjects } from '../../car/shard/support/memoryObjects.ts';
import { cleanUp, storedAnswers, storeWithShard } from '../../car/shard/support/testCar.ts';
import { testGateway, type TestGateway } from './support/testGateway.ts';

Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });

const PATIENCE = { timeout: 20_000, interval: 10 };
const { workflowservice } = proto.temporal.api;
const SERVICE = '/temporal.api.workflowservice.v1.WorkflowService/';
const QUEUE = inferenceTaskQueue('north', 'ai4', 'ocr');

let server: FakeTemporal;
let gateway: TestGateway;
let objects: MemoryObjects;
let shard: RunShardInput;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  server = await FakeTemporal.start();
  gateway = await testGateway({ target: server.address, vehicleIds: ['car-a', 'car-b'] });
  ({ objects, shard } = await storeWithShard());
});

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await gateway.close();
  await server.stop();
  await cleanUp();
});

async function startAgent(address: string): Promise<TestAgent> {
  const car = await testAgent({ address, objects, key: 'key of car-a' });
  ends.push(() => car.agent.stop());
  await car.agent.start();
  car.allow(HOUR_MS);
  return car;
}

/** Calls any RPC as whoever holds the key. */
function caller(key: string | undefined) {
  const Client = makeGenericClientConstructor({}, 'any');
  const client = new Client(gateway.address, credentials.createInsecure());
  ends.push(() => client.close());
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
  return {
    call: (path: string, request: Uint8Array) =>
      new Promise<{ code: status; bytes: Buffer }>((resolve) => {
        client.makeUnaryRequest(
          path,
          (bytes: Uint8Array) => Buffer.from(bytes),
          (bytes: Buffer) => bytes,
          request,
          metadata,
          { deadline: Date.now() + 10_000 },
          (error: ServiceError | null, bytes?: Buffer) =>
            resolve({ code: error?.code ?? status.OK, bytes: bytes ?? Buffer.alloc(0) }),
        );
      }),
  };
}

const poll = (taskQueue = QUEUE, namespace = 'default') =>
  workflowservice.v1.PollActivityTaskQueueRequest.encode({
    namespace,
    identity: 'somebody else',
    taskQueue: { name: taskQueue },
    taskQueueMetadata: { maxTasksPerSecond: { value: 0.001 } },
  }).finish();

async function takenTask(key: string): Promise<{ token: Uint8Array; name: string }> {
  const name = server.schedule({ activityType: 'runShard', input: shard });
  const { code, bytes } = await caller(key).call(`${SERVICE}PollActivityTaskQueue`, poll());
  expect(code).toBe(status.OK);
  return { token: workflowservice.v1.PollActivityTaskQueueResponse.decode(bytes).taskToken, name };
}

const completed = (taskToken: Uint8Array) =>
  workflowservice.v1.RespondActivityTaskCompletedRequest.encode({ namespace: 'default', taskToken }).finish();

describe('the gateway, for a car of good faith', () => {
  test('lets the unchanged Worker take, heartbeat and complete a shard', async () => {
    const token = server.schedule({ activityType: 'runShard', input: shard });
    const { agent, answered } = await startAgent(gateway.address);
    await vi.waitFor(() => expect(server.kinds(token)).toContain('completed'), PATIENCE);
    expect(storedAnswers(objects, shard)).toHaveLength(8);
    expect(server.kinds(token)).toContain('heartbeat');
    await agent.stop();
    expect(server.received.map(({ rpc }) => rpc)).toContain('ShutdownWorker');
    expect(gateway.refused).toEqual([]);
    // Its bids and its reports say that it is there, and so does its answer to its setpoints.
    expect(new Set(gateway.answered)).toEqual(new Set(['car-a']));
    expect(answered).toHaveLength(1);
  });

  test('withdraws the poll at the server when the car withdraws it', async () => {
    const { agent } = await startAgent(gateway.address);
    await vi.waitFor(() => expect(server.openPolls).toBe(1), PATIENCE);
    agent.gate.close('unplugged');
    await vi.waitFor(() => expect(server.openPolls).toBe(0), PATIENCE);
  });

  test('costs no shard when it is killed in mid-shard and another one takes its place', async () => {
    let wait: (() => void) | undefined;
    const car = await testAgent({
      address: gateway.address,
      objects,
      key: 'key of car-a',
      pacer: { wait: () => new Promise((resolve) => (wait = resolve)) },
    });
    ends.push(() => car.agent.stop());
    await car.agent.start();
    car.allow(HOUR_MS);
    const token = server.schedule({ activityType: 'runShard', input: shard });
    await vi.waitFor(() => expect(wait).toBeDefined(), PATIENCE);
    const { port } = gateway;
    await gateway.close();
    gateway = await testGateway({ target: server.address, vehicleIds: ['car-a'], port });
    const pump = setInterval(() => wait?.(), 10);
    ends.push(() => clearInterval(pump));
    await vi.waitFor(() => expect(server.kinds(token)).toContain('completed'), PATIENCE);
    expect(storedAnswers(objects, shard)).toHaveLength(8);
  });
});

describe('the gateway, for a hostile car', () => {
  test('refuses every RPC but nine, and none of them reaches the server', async () => {
    const forwarded = [
      'GetSystemInfo',
      'DescribeNamespace',
      'PollActivityTaskQueue',
      'RecordActivityTaskHeartbeat',
      'RespondActivityTaskCompleted',
      'RespondActivityTaskFailed',
      'RespondActivityTaskCanceled',
      'ShutdownWorker',
      'RecordWorkerHeartbeat',
    ].map((name) => `${SERVICE}${name}`);
    const others = everyRpc().filter((path) => !forwarded.includes(path));
    expect(others.length).toBeGreaterThan(100);
    const before = server.received.length;
    const car = caller('key of car-a');
    for (const path of others) {
      expect((await car.call(path, new Uint8Array())).code, path).toBe(status.PERMISSION_DENIED);
    }
    expect(server.received.length).toBe(before);
    expect(gateway.refused).toEqual(others.map(() => ({ kind: 'rpc', vehicleId: 'car-a' })));
  });

  test('knows nobody without a key, with a wrong one, or with a withdrawn one', async () => {
    for (const key of [undefined, '', 'key of car-z', 'x'.repeat(10_000)]) {
      expect((await caller(key).call(`${SERVICE}PollActivityTaskQueue`, poll())).code).toBe(status.UNAUTHENTICATED);
    }
    expect(server.polls).toBe(0);
    expect(gateway.refused.map(({ kind }) => kind)).toEqual(['key', 'key', 'key', 'key']);
  });

  test('takes nothing that it refuses for a sign that the car is there', async () => {
    const { code } = await caller('key of car-b').call(
      `${SERVICE}PollActivityTaskQueue`,
      poll('inference/south/ai4/ocr'),
    );
    expect(code).toBe(status.PERMISSION_DENIED);
    expect(gateway.answered).toEqual([]);
  });

  test('refuses queues of other regions, classes, families and workers, and other namespaces', async () => {
    const queues = [
      'control',
      '',
      inferenceTaskQueue('south', 'ai4', 'ocr'),
      inferenceTaskQueue('north', 'ai5', 'ocr'),
    ];
    const car = caller('key of car-a');
    for (const queue of [...queues, inferenceTaskQueue('north', 'ai4', 'general'), `${QUEUE}/`, `${QUEUE}\u0000`]) {
      expect((await car.call(`${SERVICE}PollActivityTaskQueue`, poll(queue))).code, queue).toBe(
        status.PERMISSION_DENIED,
      );
    }
    expect((await car.call(`${SERVICE}PollActivityTaskQueue`, poll(QUEUE, 'other'))).code).toBe(
      status.PERMISSION_DENIED,
    );
    expect(server.polls).toBe(0);
  });

  test('takes a token from the car alone that it was handed to, and shows none of the server’s', async () => {
    const { token, name } = await takenTask('key of car-a');
    expect(Buffer.from(token).includes(name)).toBe(false);
    const changed = Buffer.from(token);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const stranger = caller('key of car-b');
    const path = `${SERVICE}RespondActivityTaskCompleted`;
    expect((await stranger.call(path, completed(token))).code).toBe(status.NOT_FOUND);
    const car = caller('key of car-a');
    for (const wrong of [changed, Buffer.from(name), new Uint8Array(), token.subarray(0, 20)]) {
      expect((await car.call(path, completed(wrong))).code).toBe(status.NOT_FOUND);
    }
    expect(server.kinds(name)).toEqual([]);
    expect((await car.call(path, completed(token))).code).toBe(status.OK);
    expect(server.kinds(name)).toEqual(['completed']);
  });

  test('forces the identity and lets no car set the rate of a queue that others share', async () => {
    await takenTask('key of car-a');
    const polled = server.received.find(({ rpc }) => rpc === 'PollActivityTaskQueue')?.request;
    expect(polled).toMatchObject({ identity: carIdentity('car-a'), taskQueue: { name: QUEUE } });
    expect(polled?.['taskQueueMetadata'] ?? null).toBeNull();
  });

  test('refuses what is no message', async () => {
    const { code } = await caller('key of car-a').call(`${SERVICE}PollActivityTaskQueue`, Buffer.from([0xff, 0xff]));
    expect(code).toBe(status.INVALID_ARGUMENT);
    const huge = await caller('key of car-a').call(`${SERVICE}PollActivityTaskQueue`, Buffer.alloc(1024 * 1024));
    expect(huge.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(server.polls).toBe(0);
  });

  test('caps calls and tasks that are taken and not answered', async () => {
    await gateway.close();
    gateway = await testGateway({
      target: server.address,
      vehicleIds: ['car-a', 'car-b'],
      limits: { callsPerMinute: 20, heldTasks: 2 },
    });
    await takenTask('key of car-a');
    const { token } = await takenTask('key of car-a');
    const car = caller('key of car-a');
    expect((await car.call(`${SERVICE}PollActivityTaskQueue`, poll())).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(gateway.refused.at(-1)?.kind).toBe('hoard');
    expect((await car.call(`${SERVICE}RespondActivityTaskCompleted`, completed(token))).code).toBe(status.OK);
    await takenTask('key of car-a');
    const codes = [];
    for (let call = 0; call < 20; call++)
      codes.push((await car.call(`${SERVICE}GetSystemInfo`, new Uint8Array())).code);
    expect(codes.at(-1)).toBe(status.RESOURCE_EXHAUSTED);
    expect(gateway.refused.at(-1)?.kind).toBe('rate');
    // Another car's rate is its own.
    await takenTask('key of car-b');
  });
});

test('refuses a connection with the reason when as many are open as may be', async () => {
  await gateway.close();
  gateway = await testGateway({
    target: server.address,
    vehicleIds: ['car-a'],
    connections: { max: 1, maxPerAddress: 1 },
  });
  const first = connect(`http://${gateway.address}`);
  ends.push(() => first.destroy());
  await once(first, 'remoteSettings');
  const second = connect(`http://${gateway.address}`);
  ends.push(() => second.destroy());
  second.on('error', () => undefined);
  const [code, , text] = (await once(second, 'goaway')) as [number, number, Buffer];
  expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(text.toString()).toContain('connections.max');
});
