import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { connectAsync } from 'mqtt';
import { checked, type CheckFinding } from '../../domain/checks.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/searchAttributes.ts';
import { openDatabase, type Queryable } from '../../store/database.ts';
import { listPendingMigrations } from '../../store/migrate.ts';
import type { Config } from '../../config/config.ts';
import { brokerUrlOf } from '../../worker/process/brokerUrl.ts';
import { openObjects } from '../../worker/process/openObjects.ts';
import { requireSetting } from '../../worker/process/requireSetting.ts';
import { missingSearchAttributes, searchAttributesCommand } from '../../worker/process/searchAttributes.ts';

/** Priorities, and worker deployments as activities of ours use them. */
const MIN_SERVER = [1, 29] as const;
/** Grid instants are written by several machines; a plan is for slots of minutes. */
const MAX_SKEW_MS = 2_000;
const ANSWER_LIMIT_MS = 5_000;
const LOOPBACK = /^(127\.|localhost$|::1$|\[::1\]$)/;
const ANY_ADDRESS = /\/\/(0\.0\.0\.0|\[::\])[:/]|^(0\.0\.0\.0|\[::\]):/;

/** Looks at every part that a cell stands on, with the configuration that its processes would have. */
export async function examine(config: Config): Promise<CheckFinding[]> {
  return [
    ...(await temporalFindings(config)),
    ...(await databaseFindings(config)),
    await checked('broker', 'Is `mqtt.url` right, and does the broker let us in? It speaks MQTT 3.1.1.', () =>
      broker(config),
    ),
    await checked('objects', 'Is `objects.url` right, and may we write there?', () => objects(config)),
    await checked('API', 'Does node dist/worker/api/main.js run, on `api.host` and `api.port`?', () => api(config)),
    await checked(
      'gateway',
      'Does node dist/worker/gateway/main.js run, and is `gateway.address` what cars can reach?',
      () => gateway(config),
    ),
    await checked(
      'doors of cars',
      'Set `gateway.address`, `objects.carUrl` and `mqtt.carUrl` to what cars can reach.',
      async () => doors(config),
    ),
    await checked(
      'keys',
      'Set `secretsKey` and `api.key`: processes on other hosts cannot read this state folder.',
      async () => keys(config),
    ),
  ];
}

async function temporalFindings({ temporal }: Config): Promise<CheckFinding[]> {
  const { options, namespace } = temporal.connection;
  let connection: Connection | undefined;
  const findings = [
    await checked(
      'Temporal',
      'Is TEMPORAL_ADDRESS right? TEMPORAL_API_KEY and TEMPORAL_TLS* say how we are let in. `nightshift stack` starts one here.',
      async () => {
        connection = await Connection.connect({ ...options, connectTimeout: ANSWER_LIMIT_MS });
        const { serverVersion } = await connection.workflowService.getSystemInfo({});
        const [major = 0, minor = 0] = serverVersion.split('.').map(Number);
        if (major < MIN_SERVER[0] || (major === MIN_SERVER[0] && minor < MIN_SERVER[1])) {
          throw new Error(`${options.address} is server ${serverVersion}; priorities need ${MIN_SERVER.join('.')}`);
        }
        return `${options.address}, server ${serverVersion || 'of an unknown version'}`;
      },
    ),
  ];
  if (!connection) return findings;
  const { workflowService } = connection;
  findings.push(
    await checked(
      'namespace',
      `temporal operator namespace create --namespace ${namespace} --retention 72h`,
      async () => {
        const { config } = await workflowService.describeNamespace({ namespace });
        const hours = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 3_600;
        return `${namespace}, keeps ended workflows for ${hours.toFixed(0)} h`;
      },
    ),
    await checked('search attributes', searchAttributesCommand(namespace), () => attributes(connection, namespace)),
  );
  await connection.close();
  return findings;
}

async function attributes(connection: Connection | undefined, namespace: string): Promise<string> {
  if (!connection) throw new Error('Temporal does not answer');
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  return `all ${Object.keys(SEARCH_ATTRIBUTES).length} are there`;
}

async function databaseFindings(config: Config): Promise<CheckFinding[]> {
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl'), maxConnections: 1 });
  let answers = false;
  try {
    const found = await checked(
      'database',
      'Is DATABASE_URL right, and has the control worker been started once?',
      async () => {
        const [row] = await database.query<{ version: string }>(`select current_setting('server_version') as version`);
        answers = true;
        const pending = await listPendingMigrations(database);
        if (pending.length > 0)
          throw new Error(`${pending.length} migrations are to be applied: ${pending.join(', ')}`);
        return `PostgreSQL ${row?.version}, every migration applied`;
      },
    );
    return answers ? [found, await clockFinding(database)] : [found];
  } finally {
    await database.close();
  }
}

function clockFinding(database: Queryable): Promise<CheckFinding> {
  return checked('clock', 'Set the clocks by NTP.', async () => {
    const askedMs = Date.now();
    const [row] = await database.query<{ nowMs: number }>('select clock_timestamp() as "nowMs"');
    const skewMs = (row?.nowMs ?? 0) - (askedMs + Date.now()) / 2;
    if (Math.abs(skewMs) > MAX_SKEW_MS) throw new Error(`${(skewMs / 1000).toFixed(1)} s away from the database's`);
    return `within ${Math.max(1, Math.round(Math.abs(skewMs)))} ms of the database's`;
  });
}

async function broker(config: Config): Promise<string> {
  const client = await connectAsync(brokerUrlOf(config), {
    clientId: `doctor-${randomUUID()}`,
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: ANSWER_LIMIT_MS,
  });
  await client.endAsync();
  return `${config.mqtt.carUrl} lets us in`;
}

async function objects(config: Config): Promise<string> {
  const store = openObjects(config.objects);
  const key = `doctor/${randomUUID()}`;
  await store.put(key, key);
  const read = await store.get(key);
  await store.delete(key);
  if (read.toString('utf8') !== key) throw new Error('what was written is not what is read');
  return `${config.objects.kind === 's3' ? `s3://${config.objects.bucket}` : config.objects.path}, written and read`;
}

async function api({ api: { host, port, url: base } }: Config): Promise<string> {
  const url = `${base}/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
  return `${host}:${port} answers`;
}

/** A stranger is to be turned away: that it answers so says that it runs. */
async function gateway({ gateway: { address, tls } }: Config): Promise<string> {
  const stranger = Connection.lazy({ address, tls: tls !== undefined, interceptors: [] });
  try {
    await stranger.withDeadline(Date.now() + ANSWER_LIMIT_MS, () => stranger.workflowService.getSystemInfo({}));
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === status.UNAUTHENTICATED) {
      return `${address} answers, and turns strangers away`;
    }
    if (isGrpcServiceError(error) && error.code === status.UNAVAILABLE) {
      throw new Error(`${address} does not answer`, { cause: error });
    }
    throw error;
  } finally {
    await stranger.close();
  }
  throw new Error(`${address} lets strangers in: it is no gateway`);
}

function doors({ gateway: { address, host, tls }, objects: { carUrl }, mqtt }: Config): string {
  const nowhere = [address, carUrl, mqtt.carUrl].filter((place) => ANY_ADDRESS.test(place));
  if (nowhere.length > 0) throw new Error(`${nowhere.join(', ')} is an address to listen on, not one to reach`);
  if (tls === undefined && !LOOPBACK.test(host)) {
    throw new Error(
      `the gateway listens on ${host} without TLS (gateway.certificateFile): keys would cross the network in the clear`,
    );
  }
  return `${address}, ${carUrl}, ${mqtt.carUrl}`;
}

function keys({ secretsKey, api: { key, host } }: Config): string {
  const madeUp = [secretsKey === undefined && 'secretsKey', key === undefined && 'api.key'].filter(Boolean);
  if (madeUp.length === 0) return 'secretsKey and api.key are set';
  if (!LOOPBACK.test(host)) throw new Error(`${madeUp.join(', ')} made up for this folder alone`);
  return `${madeUp.join(', ')} made up for this state folder`;
}
