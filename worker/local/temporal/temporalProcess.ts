import { chmodSync, existsSync } from 'node:fs';
import { Connection } from '@temporalio/client';
import { MINUTE_MS } from '../../../domain/durations.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import type { Config } from '../../../config/config.ts';
import type { ManagedProcess } from '../supervisor/managedProcess.ts';
import { pollUntil } from '../supervisor/pollUntil.ts';
import { messageOf } from '../../../domain/thrown.ts';
import { databaseFile, DEV_SERVER_HOST, devServerArgs } from './devServer.ts';
import { provisionTemporal } from './provision.ts';
import { registerSearchAttributes } from '../../process/searchAttributes.ts';

/** The embedded Temporal server: ready when it answers, has the namespace, and knows our search attributes. */
export function temporalProcess(config: Config): ManagedProcess {
  const { temporal, environment } = config;
  return {
    name: 'temporal',
    ports: [
      { host: DEV_SERVER_HOST, port: temporal.port, configKey: 'temporal.port' },
      { host: DEV_SERVER_HOST, port: temporal.uiPort, configKey: 'temporal.uiPort' },
    ],
    async launch(report, signal) {
      return {
        command: await provisionTemporal(config, report, signal),
        args: devServerArgs(config),
        // Variables of the SDK and the CLI are for a server elsewhere.
        env: withoutTemporalVariables(environment),
      };
    },
    ready: async (signal) => {
      await pollUntil(() => prepareTemporal(config), signal);
      closeToOthers(databaseFile(config));
    },
    readyLimitMs: MINUTE_MS,
    stopSignal: 'SIGTERM',
    stopLimitMs: 2_500,
  };
}

/** The server makes its own tables only in a file that is not there, so that its mode is set when it has made it. */
function closeToOthers(file: string): void {
  for (const path of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(path)) chmodSync(path, 0o600);
}

/**
 * Registers our search attributes on the server that the config names.
 * @throws NightshiftError `unavailable` when it cannot be reached or refuses
 */
export async function prepareTemporal({ temporal }: Config): Promise<void> {
  const { options, namespace } = temporal.connection;
  const connection = await Connection.connect({ ...options, connectTimeout: '5 s' }).catch((cause: unknown) => {
    const message = `The Temporal server at ${options.address} cannot be reached: ${messageOf(cause)}`;
    throw new NightshiftError('unavailable', message, { field: 'TEMPORAL_ADDRESS', cause });
  });
  try {
    await registerSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
}

export function withoutTemporalVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
