import type { Config } from '../../config/config.ts';
import { CONFIG_KEYS } from '../../config/keys.ts';
import { embeddedDatabaseUrl, postgresProcess } from './postgres/postgresProcess.ts';
import type { ManagedProcess } from './supervisor/managedProcess.ts';
import { startSupervisor, type Supervisor, type SupervisorOptions } from './supervisor/supervisor.ts';
import { prepareTemporal, temporalProcess, withoutTemporalVariables } from './temporal/temporalProcess.ts';
import { brokerPasswordsOf } from '../process/brokerUrl.ts';
import { secretsKeyOf } from '../process/secretsSeal.ts';
import { nodeProcess } from './nodeProcess.ts';

export type Platform = Supervisor;

export interface PlatformOptions extends Omit<SupervisorOptions, 'stateDir' | 'processes'> {
  /** In the order of their start; `localProcesses(config)` unless given. */
  readonly processes?: readonly ManagedProcess[];
}

/**
 * Starts the local stack and keeps it running. See `startSupervisor` for what it throws and how it stops; the limits of
 * all processes together stay below 15 s.
 */
export async function startPlatform(config: Config, options: PlatformOptions = {}): Promise<Platform> {
  const { processes = localProcesses(config), ...rest } = options;
  // Before anything starts: what is missing must not show as a process that does not come up.
  secretsKeyOf(config);
  // Once for all: processes that start at once would each find them half written.
  if (config.mqtt.embedded) brokerPasswordsOf(config);
  if (!config.temporal.embedded) await prepareTemporal(config);
  return startSupervisor({ stateDir: config.stateDir, processes, ...rest });
}

/** The processes of the local stack, without those that the config replaces by a server elsewhere. */
export function localProcesses(config: Config): readonly ManagedProcess[] {
  return [...embeddedServers(config), ...ownProcesses(config)];
}

export function embeddedServers(config: Config): readonly ManagedProcess[] {
  return [
    ...(config.databaseUrl === undefined ? [postgresProcess(config)] : []),
    ...(config.temporal.embedded ? [temporalProcess(config)] : []),
  ];
}

/** Its calls are short, and cars make up for those that are cut off. */
const GATEWAY_STOP_LIMIT_MS = 900;

function ownProcesses(config: Config): readonly ManagedProcess[] {
  const common = { cwd: config.cwd, environment: () => childEnvironment(config) };
  const { api, gateway, mqtt, ocpp, tesla } = config;
  return [
    nodeProcess({ ...common, name: 'control', main: '../control/main' }),
    nodeProcess({
      ...common,
      name: 'api',
      main: '../api/main',
      ports: [
        { ...api, configKey: 'api.port' },
        // The broker lives in the process of the API.
        ...(mqtt.embedded ? [{ host: '127.0.0.1', port: mqtt.port, configKey: 'mqtt.port' as const }] : []),
      ],
    }),
    nodeProcess({
      ...common,
      name: 'gateway',
      main: '../gateway/main',
      ports: [{ host: gateway.host, port: gateway.port, configKey: 'gateway.port' }],
      stopLimitMs: GATEWAY_STOP_LIMIT_MS,
    }),
    ...(ocpp || tesla
      ? [
          nodeProcess({
            ...common,
            name: 'charging',
            main: '../charging/main',
            ports: ocpp ? [{ host: ocpp.host, port: ocpp.port, configKey: 'ocpp.port' }] : [],
          }),
        ]
      : []),
  ];
}

/** The configured database, else the embedded one of the state folder. */
export function databaseUrlOf(config: Config): string {
  return config.databaseUrl ?? embeddedDatabaseUrl(config);
}

/** The config's environment with the addresses of the embedded servers, for a process of ours. */
export function childEnvironment(config: Config): NodeJS.ProcessEnv {
  const { environment, temporal } = config;
  const { options, namespace } = temporal.connection;
  return {
    ...(temporal.embedded
      ? { ...withoutTemporalVariables(environment), TEMPORAL_ADDRESS: options.address, TEMPORAL_NAMESPACE: namespace }
      : environment),
    // They cannot tell the embedded server from one that others run, which may have its Web UI anywhere.
    ...(temporal.uiUrl !== undefined && { [CONFIG_KEYS['temporal.uiUrl'].env]: temporal.uiUrl }),
    DATABASE_URL: databaseUrlOf(config),
    // They cannot tell the embedded database from one that other hosts share.
    [CONFIG_KEYS.secretsKey.env]: secretsKeyOf(config),
    TZ: 'UTC',
  };
}
