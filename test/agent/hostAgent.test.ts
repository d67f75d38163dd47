import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AgentConfig } from '../../agent/agentConfig.ts';
import { startHostAgent } from '../../agent/hostAgent.ts';
import type { Broker } from '../../api/mqtt/broker.ts';
import { openBroker } from '../support/openBroker.ts';
import type { AgentSettingsWire } from '../../api/wire/agents.ts';
import { agentSettings } from '../support/agentSettings.ts';
import { topics } from '../../domain/names.ts';
import { testGateway, type TestGateway } from '../api/gateway/support/testGateway.ts';
import { FakeTemporal } from '../car/agent/support/fakeTemporal.ts';
import type { MemoryObjects } from '../car/shard/support/memoryObjects.ts';
import { cleanUp, storedAnswers, storeWithShard, temporaryFolder } from '../car/shard/support/testCar.ts';

Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });

const PATIENCE = { timeout: 20_000, interval: 20 };
const log = pino({ level: 'silent' });
const ends: (() => unknown)[] = [];
let temporal: FakeTemporal;
let gateway: TestGateway;
let broker: Broker;

beforeEach(async () => {
  temporal = await FakeTemporal.start();
  gateway = await testGateway({ target: temporal.address, vehicleIds: ['car-a'] });
  broker = await openBroker(log);
});

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await gateway.close();
  await temporal.stop();
  await broker.close();
  await cleanUp();
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** As much of the API as an agent asks: its settings, and one shard's objects. */
async function agentsApi(settings: () => AgentSettingsWire, objects: MemoryObjects): Promise<string> {
  const server: Server = createServer((request, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
      const key = searchParams.get('key') ?? '';
      if (pathname === '/cars/v1/settings') return response.end(JSON.stringify(settings()));
      if (pathname === '/cars/v1/objects') {
        return response.end(JSON.stringify({ keys: await objects.list(searchParams.get('prefix') ?? '') }));
      }
      if (request.method === 'PUT') await objects.put(key, await bodyOf(request));
      return response.end(request.method === 'PUT' ? '{"stored":true}' : await objects.get(key));
    })().catch(() => response.writeHead(404).end('{}'));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

function settings(): AgentSettingsWire {
  return agentSettings('car-a', { gatewayAddress: gateway.address, mqttUrl: broker.url });
}

async function config(api: string, over: Partial<AgentConfig> = {}): Promise<AgentConfig> {
  return {
    api,
    carId: 'car-a',
    key: 'key of car-a',
    modelCacheBytes: 1024 ** 3,
    stateDir: await temporaryFolder(),
    families: ['ocr'],
    execution: { provider: 'cpu' },
    power: { meter: { source: 'modelled' }, overheadWatts: 0 },
    logLevel: 'error',
    ...over,
  };
}

test('computes a shard with its key alone, says that it is there, and leaves with its register told', async () => {
  const { objects, shard } = await storeWithShard();
  const api = await agentsApi(settings, objects);
  const heard: { topic: string; said: { Status?: string; computeKwh?: number } }[] = [];
  const listener = await connectAsync(broker.url, { protocolVersion: 4 });
  ends.push(() => listener.endAsync(true));
  listener.on('message', (topic, payload) => heard.push({ topic, said: JSON.parse(payload.toString()) }));
  await listener.subscribeAsync('nightshift/#', { qos: 1 });
  const startMs = Date.now();
  const intervals = [{ startMs, endMs: startMs + 3_600_000, chargeKw: 0, computeKw: 1 }];
  const profile = JSON.stringify({ planId: 'plan', issuedAtMs: startMs, intervals });
  await listener.publishAsync(topics.setpoints('car-a'), profile, { qos: 1, retain: true });

  const agent = await startHostAgent(await config(api), log);
  ends.push(() => agent.stop());
  const token = temporal.schedule({
    activityType: 'runShard',
    input: { ...shard, access: { url: api, token: 'of this shard' } },
  });
  await vi.waitFor(() => expect(temporal.kinds(token)).toContain('completed'), PATIENCE);
  expect(storedAnswers(objects, shard)).toHaveLength(8);
  await agent.stop();
  const said = (topic: string) => heard.filter((message) => message.topic === topic).map((message) => message.said);
  await vi.waitFor(() => {
    const states = said(topics.agentConnectivity('car-a')).map(({ Status }) => Status);
    expect([states[0], states.at(-1)]).toEqual(['CONNECTED', 'DISCONNECTED']);
    expect(said(topics.meter('car-a')).at(-1)?.computeKwh).toBeGreaterThan(0);
  }, PATIENCE);
});

test('refuses to run as another car, class or family than it is enrolled as', async () => {
  const api = await agentsApi(settings, (await storeWithShard()).objects);
  const started = async (over: Partial<AgentConfig>) => startHostAgent(await config(api, over), log);
  await expect(started({ carId: 'car-b' })).rejects.toThrow('carId: the key is that of car-a');
  await expect(started({ hardwareClass: 'hw3' })).rejects.toThrow('hardwareClass: the car is enrolled as ai4');
  await expect(started({ families: ['ocr', 'llm'] })).rejects.toThrow('families: the car is enrolled for ocr');
});
