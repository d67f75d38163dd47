import { join } from 'node:path';
import type { Config } from '../../../config/config.ts';

export const DEV_SERVER_HOST = '127.0.0.1';

/** Priority and fairness hold only within a partition, and the new matcher brings both. */
const DYNAMIC_CONFIG = {
  'matching.useNewMatcher': true,
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
} as const;

/** Survives kill -9 of the server; a crash of the machine may lose the last moments. About as fast as in memory. */
const SQLITE_PRAGMAS = { journal_mode: 'wal', synchronous: 'normal' } as const;

/**
 * Arguments of the `temporal` binary for the embedded server. Its state is one file in the state folder. Search
 * attributes are registered over the API instead of by flags, which do not reach a namespace that exists already.
 */
export function devServerArgs(config: Config): string[] {
  const { port, uiPort, connection } = config.temporal;
  return [
    'server',
    'start-dev',
    `--ip=${DEV_SERVER_HOST}`,
    `--port=${port}`,
    `--ui-port=${uiPort}`,
    `--namespace=${connection.namespace}`,
    `--db-filename=${databaseFile(config)}`,
    '--log-level=warn',
    '--log-format=json',
    ...assignments('--sqlite-pragma', SQLITE_PRAGMAS),
    ...dynamicConfigArgs(),
  ];
}

export function databaseFile({ stateDir }: Config): string {
  return join(stateDir, 'temporal.db');
}

/** What makes the server keep to priorities and shares. */
export function dynamicConfigArgs(): string[] {
  return assignments('--dynamic-config-value', DYNAMIC_CONFIG);
}

function assignments(flag: string, values: Record<string, string | boolean | number>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
}
