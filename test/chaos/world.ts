import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createS3Store } from '../../store/objects/s3Store.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { loadConfig, type Config } from '../../config/config.ts';
import { embeddedServers, startPlatform, type Platform } from '../../worker/local/platform.ts';
import { embeddedDatabaseUrl } from '../../worker/local/postgres/postgresProcess.ts';
import { Stack } from '../e2e/support/stack.ts';
import { freePorts } from '../support/freePorts.ts';
import { FAKE_S3, startFakeS3, type FakeS3 } from '../support/fakeS3.ts';
import { chaosNight, risingPrices } from './chaosNight.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { SeparateAgent } from './separateAgent.ts';

export const SERVERS = ['postgres', 'temporal'] as const;
const PRODUCT = ['control', 'api', 'gateway', 'fleet'] as const;
export type ServerName = (typeof SERVERS)[number];
export type ProcessName = ServerName | (typeof PRODUCT)[number];

/** Between whom a cut goes. */
export interface Proxies {
  /** All of the product, from its servers. */
  readonly postgres: Proxy;
  readonly temporal: Proxy;
  readonly store: Proxy;
  /** The cars, from the product. */
  readonly api: Proxy;
  readonly gateway: Proxy;
  readonly broker: Proxy;
}

/**
 * The whole stack with everything at hand that a round disturbs: servers of its own behind proxies, an object store that
 * can be set to refuse, and one computer whose agent is a process of its own.
 */
export class World {
  readonly stack: Stack;
  readonly proxies: Proxies;
  readonly store: FakeS3;
  readonly agent: SeparateAgent;
  readonly #folder: string;
  readonly #servers: Platform;

  private constructor(parts: Pick<World, 'stack' | 'proxies' | 'store' | 'agent'>, folder: string, servers: Platform) {
    this.stack = parts.stack;
    this.proxies = parts.proxies;
    this.store = parts.store;
    this.agent = parts.agent;
    this.#folder = folder;
    this.#servers = servers;
  }

  /** @param days grid days that the cars go on for */
  static async start(days: number): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'nightshift-chaos-'));
    const [temporal = 0, ui, postgres = 0, mqtt = 0, api = 0, gateway = 0] = await freePorts(6);
    const ports = {
      NIGHTSHIFT_TEMPORAL_PORT: String(temporal),
      NIGHTSHIFT_TEMPORAL_UI_PORT: String(ui),
      NIGHTSHIFT_POSTGRES_PORT: String(postgres),
    };
    const config = serversConfig(folder, ports);
    const servers = await startPlatform(config, { processes: embeddedServers(config) });
    const store = await startFakeS3();
    const proxies: Proxies = {
      postgres: await startProxy(postgres),
      temporal: await startProxy(temporal),
      store: await startProxy(Number(new URL(store.endpoint).port)),
      api: await startProxy(api),
      gateway: await startProxy(gateway),
      broker: await startProxy(mqtt),
    };
    const databaseUrl = new URL(embeddedDatabaseUrl(config));
    const direct = databaseUrl.href;
    databaseUrl.port = String(proxies.postgres.port);
    const stack = await Stack.start(chaosNight(days), {
      env: {
        ...ports,
        NIGHTSHIFT_MQTT_PORT: String(mqtt),
        NIGHTSHIFT_API_PORT: String(api),
        NIGHTSHIFT_GATEWAY_PORT: String(gateway),
        DATABASE_URL: databaseUrl.href,
        TEMPORAL_ADDRESS: `127.0.0.1:${proxies.temporal.port}`,
        NIGHTSHIFT_OBJECTS_URL: `s3://${FAKE_S3.bucket}`,
        NIGHTSHIFT_OBJECTS_ENDPOINT: `http://127.0.0.1:${proxies.store.port}`,
        NIGHTSHIFT_OBJECTS_REGION: FAKE_S3.region,
        AWS_ACCESS_KEY_ID: FAKE_S3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: FAKE_S3.secretAccessKey,
        NIGHTSHIFT_OBJECTS_CAR_URL: `http://127.0.0.1:${proxies.api.port}`,
        NIGHTSHIFT_GATEWAY_ADDRESS: `127.0.0.1:${proxies.gateway.port}`,
        NIGHTSHIFT_MQTT_CAR_URL: `mqtt://127.0.0.1:${proxies.broker.port}`,
        NIGHTSHIFT_SECRETS_KEY: 'a key of the chaos runs, for no one else',
      },
      databaseUrl: direct,
      objects: storeAt(store.endpoint),
    });
    await pushPrices(stack, days);
    const agent = await SeparateAgent.start(stack, join(folder, 'agent'), `http://127.0.0.1:${proxies.api.port}`);
    return new World({ stack, proxies, store, agent }, folder, servers);
  }

  async pidOf(name: ProcessName): Promise<number> {
    if (!SERVERS.includes(name as ServerName)) return this.stack.pidOf(name);
    const file = await readFile(join(this.#folder, 'servers', 'run', `${name}.pid`), 'utf8');
    return (JSON.parse(file) as { pid: number }).pid;
  }

  /** Of what the supervisors keep; without those that are being started again. */
  async pids(): Promise<ReadonlyMap<ProcessName, number>> {
    const found = new Map<ProcessName, number>();
    for (const name of [...SERVERS, ...PRODUCT]) {
      const pid = await this.pidOf(name).catch(() => undefined);
      if (pid !== undefined) found.set(name, pid);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.agent.stop();
    await this.stack.remove();
    await this.#servers.stop();
    await Promise.all(Object.values(this.proxies).map((proxy: Proxy) => proxy.close()));
    await this.store.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function pushPrices(stack: Stack, days: number): Promise<void> {
  const api = await stack.api();
  const { clock } = await stack.cell();
  const spans = risingPrices(clock.originMs, days);
  for (const region of ['berlin', 'tight'])
    await api.json('PUT', `/grid/v1/regions/${region}/signals/price`, { spans, unit: 'EUR/kWh' });
}

function serversConfig(folder: string, ports: Readonly<Record<string, string>>): Config {
  const env = { ...process.env, ...ports, NIGHTSHIFT_STATE_DIR: join(folder, 'servers'), NIGHTSHIFT_CONFIG: '' };
  return loadConfig({ env: { ...env, TEMPORAL_ADDRESS: '', DATABASE_URL: '' }, cwd: folder });
}

function storeAt(endpoint: string): ObjectStore {
  return createS3Store({ ...FAKE_S3, endpoint });
}
