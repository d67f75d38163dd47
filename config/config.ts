import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ConnectionLimits } from '../domain/connectionLimits.ts';
import { NightshiftError } from '../domain/errors.ts';
import type { WebhookHosts } from '../domain/webhookTargets.ts';
import { messageOf } from '../domain/thrown.ts';
import { CONFIG_KEY_NAMES, CONFIG_KEYS, type ConfigKey, type ConfigValues, type LogLevel } from './keys.ts';
import type { AccountsConfig } from '../domain/accountRoles.ts';
import { issueText } from '../domain/issueText.ts';
import { resolveAccounts } from './accounts.ts';
import { resolveObjects, type ObjectsConfig } from './objects.ts';
import { CONFIG_FILE_ENV, readEnvValues, readFileValues, type SourcedValue } from './sources.ts';
import { resolveTemporalConnection, type TemporalConnection } from './temporalConnection.ts';
import type { FleetAccess } from '../charging/tesla/teslaFleet.ts';

/** What every process of ours runs by. Paths are absolute. The keys are documented in docs/configuration.md. */
export interface Config {
  readonly stateDir: string;
  readonly cacheDir: string;
  readonly logLevel: LogLevel;
  readonly cellFile: string | undefined;
  readonly nightFile: string | undefined;
  readonly missingEurPerKwh: number;
  readonly temporal: TemporalConfig;
  readonly postgres: { readonly port: number };
  /** Undefined: the local stack starts its own PostgreSQL and hands its address to the other processes. */
  readonly databaseUrl: string | undefined;
  readonly mqtt: MqttConfig;
  readonly objects: ObjectsConfig;
  readonly gateway: GatewayConfig;
  /** Null: no charger connects here. */
  readonly ocpp: OcppConfig | null;
  /** Null: no car is told by commands of the Fleet API. */
  readonly tesla: TeslaConfig | null;
  readonly secretsKey: string | undefined;
  /** What was sealed or signed with them still opens. */
  readonly previousSecretsKeys: readonly string[];
  readonly webhookHosts: WebhookHosts;
  readonly models: {
    readonly maxBytes: number;
    readonly cacheBytes: number;
    readonly hub: string;
    /** Built by the cell itself. */
    readonly embedding: 'lsa-wordnet' | 'none';
  };
  readonly retention: { readonly days: number; readonly settledDays: number; readonly orphanDays: number };
  /** Null: no traces are made. */
  readonly traces: { readonly url: string; readonly ratio: number } | null;
  /** Null: no process serves metrics or probes. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** Null: people have keys alone. */
  readonly accounts: AccountsConfig | null;
  readonly api: ApiConfig;
  /** Of each server of ours. */
  readonly connections: ConnectionLimits;
  /** Folder that the config was loaded in. */
  readonly cwd: string;
  /**
   * What a child process is started with: the environment that the config was loaded from, with every key that is set
   * written out. A child so sees the same config, even when the file has changed since. Holds secrets: never log it.
   */
  readonly environment: NodeJS.ProcessEnv;
}

export interface TemporalConfig {
  readonly executable: string | undefined;
  readonly port: number;
  readonly uiPort: number;
  /** Undefined: nobody said where the Web UI of the server is. */
  readonly uiUrl: string | undefined;
  readonly archiveUrl: string;
  /** True when no TEMPORAL_ADDRESS names a server, so that the local stack starts its own. */
  readonly embedded: boolean;
  /** How to connect, also to the embedded server. */
  readonly connection: TemporalConnection;
}

export interface MqttConfig {
  readonly port: number;
  /** How to connect, also to the embedded broker. */
  readonly url: string;
  /** How cars connect, each with its own credentials. */
  readonly carUrl: string;
  readonly telemetryBase: string;
  readonly embedded: boolean;
}

export interface ApiConfig {
  readonly host: string;
  readonly port: number;
  /** As it is reached on its own machine. */
  readonly url: string;
  /** Undefined: the state folder has one of its own. */
  readonly key: string | undefined;
  /** Undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
}

export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  /** host:port as cars reach it. */
  readonly address: string;
  /** Undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface OcppConfig {
  readonly host: string;
  readonly port: number;
  /** Undefined: without TLS, so that passwords of chargers can be read on the way. */
  readonly tls: TlsFiles | undefined;
}

export interface TeslaConfig extends FleetAccess {
  /** Null: cars' telemetry is configured by somebody else. */
  readonly telemetry: { readonly hostname: string; readonly port: number; readonly caFile: string } | null;
}

export interface ConfigSources {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/**
 * Loads the config: defaults, then the config file (`NIGHTSHIFT_CONFIG`, else `./nightshift.yaml` if there is one), then
 * the environment. Reads the environment only through `sources`.
 * @throws NightshiftError `invalid_config`, one line for each problem: the key, its source and the limit
 */
export function loadConfig({ env, cwd }: ConfigSources): Config {
  const file = readFileValues(env, cwd);
  const variables = readEnvValues(env, cwd);
  const problems = [...file.problems, ...variables.problems];
  const given = new Map([...file.values, ...variables.values]);

  const entries = CONFIG_KEY_NAMES.map((name) => {
    const key: ConfigKey = CONFIG_KEYS[name];
    const sourced = given.get(name) ?? { value: key.default, source: 'default', folder: cwd };
    const parsed = key.schema.safeParse(sourced.value);
    if (!parsed.success) problems.push(problemOf(name, key, sourced, issueText(parsed.error.issues[0])));
    return [name, key.isPath ? absolute(parsed.data, sourced.folder) : parsed.data] as const;
  });
  // The table maps each name to its own schema, which fromEntries cannot express.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const values = Object.fromEntries(entries) as ConfigValues;

  const stop = (): never => {
    throw new NightshiftError('invalid_config', `The configuration is not valid:\n  ${problems.join('\n  ')}`);
  };
  if (problems.length > 0) stop();
  const collect = <Value>(read: () => Value): Value => {
    try {
      return read();
    } catch (error) {
      problems.push(messageOf(error));
      return stop();
    }
  };

  const home = env.XDG_CACHE_HOME ? resolve(cwd, env.XDG_CACHE_HOME) : join(env.HOME ?? homedir(), '.cache');
  const temporal = collect(() => resolveTemporalConnection(values, env));
  return {
    stateDir: values.stateDir,
    cacheDir: values.cacheDir ?? join(home, 'nightshift'),
    logLevel: values.logLevel,
    cellFile: values.cellFile,
    nightFile: values.nightFile,
    missingEurPerKwh: values.missingEurPerKwh,
    temporal: {
      executable: values['temporal.executable'],
      port: values['temporal.port'],
      uiPort: values['temporal.uiPort'],
      uiUrl:
        values['temporal.uiUrl'] ?? (temporal.embedded ? `http://127.0.0.1:${values['temporal.uiPort']}` : undefined),
      archiveUrl: values['temporal.archiveUrl'],
      ...temporal,
    },
    postgres: { port: values['postgres.port'] },
    databaseUrl: values.databaseUrl,
    mqtt: resolveMqtt(values),
    objects: collect(() => resolveObjects(values, env)),
    gateway: collect(() => resolveGateway(values)),
    ocpp: collect(() => resolveOcpp(values)),
    tesla: collect(() => resolveTesla(values)),
    secretsKey: values.secretsKey,
    previousSecretsKeys: values.previousSecretsKeys ?? [],
    webhookHosts: values['webhooks.hosts'],
    models: {
      maxBytes: values['models.maxBytes'],
      cacheBytes: values['models.cacheBytes'],
      hub: values['models.hub'],
      embedding: values['models.embedding'],
    },
    retention: {
      days: values['retention.days'],
      settledDays: values['retention.settledDays'],
      orphanDays: values['retention.orphanDays'],
    },
    traces: values['traces.url'] === undefined ? null : { url: values['traces.url'], ratio: values['traces.ratio'] },
    metrics:
      values['metrics.port'] === undefined ? null : { host: values['metrics.host'], port: values['metrics.port'] },
    accounts: collect(() => resolveAccounts(values)),
    api: collect(() => resolveApi(values)),
    connections: { max: values['connections.max'], maxPerAddress: values['connections.maxPerAddress'] },
    cwd,
    environment: { ...env, ...writtenOut(values) },
  };
}

function resolveMqtt(values: ConfigValues): MqttConfig {
  const url = values['mqtt.url'] ?? `mqtt://127.0.0.1:${values['mqtt.port']}`;
  return {
    port: values['mqtt.port'],
    url,
    carUrl: values['mqtt.carUrl'] ?? withoutCredentials(url),
    embedded: values['mqtt.url'] === undefined,
    telemetryBase: values['mqtt.telemetryBase'],
  };
}

/** What we connect with must not reach cars. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/, '$1');
}

/** @throws Error whose message names the key */
function resolveGateway(values: ConfigValues): GatewayConfig {
  const { 'gateway.host': host, 'gateway.port': port } = values;
  const tls = tlsFiles('gateway', values['gateway.certificateFile'], values['gateway.keyFile']);
  return { host, port, address: values['gateway.address'] ?? `${host}:${port}`, tls };
}

function resolveApi(values: ConfigValues): ApiConfig {
  const { 'api.host': host, 'api.port': port, 'api.key': key } = values;
  const tls = tlsFiles('api', values['api.certificateFile'], values['api.keyFile']);
  return { host, port, key, tls, url: `${tls ? 'https' : 'http'}://${host}:${port}` };
}

function resolveOcpp(values: ConfigValues): OcppConfig | null {
  const { 'ocpp.host': host, 'ocpp.port': port } = values;
  const tls = tlsFiles('ocpp', values['ocpp.certificateFile'], values['ocpp.keyFile']);
  return port === undefined ? null : { host, port, tls };
}

/** @throws Error whose message names the key */
function resolveTesla(values: ConfigValues): TeslaConfig | null {
  const { 'tesla.apiUrl': apiUrl, 'tesla.clientId': clientId } = values;
  const { 'tesla.telemetryHost': hostname, 'tesla.telemetryCaFile': caFile } = values;
  if (apiUrl === undefined) return null;
  if (clientId === undefined) throw new Error('tesla.clientId: must be set with tesla.apiUrl');
  if ((hostname === undefined) !== (caFile === undefined)) {
    throw new Error('tesla.telemetryHost, tesla.telemetryCaFile: both or none must be set');
  }
  return {
    apiUrl: withoutSlash(apiUrl),
    commandUrl: withoutSlash(values['tesla.commandUrl'] ?? apiUrl),
    tokenUrl: values['tesla.tokenUrl'],
    clientId,
    clientSecret: values['tesla.clientSecret'],
    telemetry:
      hostname === undefined || caFile === undefined ? null : { hostname, port: values['tesla.telemetryPort'], caFile },
    maxUsdPerCarMonth: values['tesla.maxUsdPerCarMonth'],
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function tlsFiles(
  part: string,
  certificateFile: string | undefined,
  keyFile: string | undefined,
): TlsFiles | undefined {
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new Error(`${part}.certificateFile, ${part}.keyFile: both or none must be set`);
  }
  return certificateFile !== undefined && keyFile !== undefined ? { certificateFile, keyFile } : undefined;
}

function problemOf(name: string, key: ConfigKey, { value, source }: SourcedValue, limit = 'is not valid'): string {
  const got = key.isSecret ? '' : `, got ${JSON.stringify(value)}`;
  return `${name} (${source}): ${limit}${got}`;
}

function absolute(value: unknown, folder: string): unknown {
  return typeof value === 'string' && !/^[a-z][a-z0-9+.-]+:\/\//i.test(value) ? resolve(folder, value) : value;
}

function writtenOut(values: ConfigValues): Record<string, string> {
  const written: Record<string, string> = { [CONFIG_FILE_ENV]: '' };
  for (const name of CONFIG_KEY_NAMES) {
    const value = values[name];
    if (value !== undefined) written[CONFIG_KEYS[name].env] = String(value);
  }
  return written;
}
