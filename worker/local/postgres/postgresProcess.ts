import { rmSync } from 'node:fs';
import { Client } from 'pg';
import { MINUTE_MS } from '../../../domain/durations.ts';
import type { Config } from '../../../config/config.ts';
import type { ManagedProcess } from '../supervisor/managedProcess.ts';
import { pollUntil } from '../supervisor/pollUntil.ts';
import { executable } from './binaries.ts';
import {
  clusterPassword,
  createCluster,
  dataDirOf,
  moveCluster,
  POSTGRES_USER,
  postgresEnvironment,
} from './cluster.ts';
import { stopLeftover } from './leftover.ts';
import { homeOf, placeCluster, rememberPlacement } from './placement.ts';

const HOST = '127.0.0.1';
const DATABASE = 'nightshift';

/** How to reach the embedded PostgreSQL of a config; the password is made up on the first call. */
export function embeddedDatabaseUrl(config: Config, database = DATABASE): string {
  const password = clusterPassword(config.stateDir);
  return `postgres://${POSTGRES_USER}:${password}@${HOST}:${config.postgres.port}/${database}`;
}

/** The embedded PostgreSQL. The supervised process is the server itself, so that nothing stands between it and a signal. */
export function postgresProcess(config: Config): ManagedProcess {
  const { stateDir, postgres, environment } = config;
  return {
    name: 'postgres',
    ports: [{ host: HOST, port: postgres.port, configKey: 'postgres.port' }],

    async recover(report) {
      const placement = placeCluster(stateDir);
      for (const dataDir of new Set([dataDirOf({ folder: homeOf(stateDir) }), dataDirOf(placement)])) {
        const pid = await stopLeftover(dataDir);
        if (pid !== undefined) report(`stopped the PostgreSQL that an earlier run had left (process ${pid})`);
      }
      if (!placement.remembered) {
        // Its password went with the deleted state folder, so that nobody can ever use this data again.
        rmSync(dataDirOf(placement), { recursive: true, force: true });
        if (await moveCluster(homeOf(stateDir), placement)) report(`moved the data to ${dataDirOf(placement)}`);
        rememberPlacement(stateDir, placement);
        rmSync(homeOf(stateDir), { recursive: true, force: true });
      }
    },

    async launch(report) {
      const placement = placeCluster(stateDir);
      const dataDir = dataDirOf(placement);
      const { account } = placement;
      report(`data in ${dataDir}${account === undefined ? '' : `, as user ${account.name}`}`);
      await createCluster(placement, clusterPassword(stateDir), environment);
      return {
        command: executable(placement.binaries, 'postgres'),
        args: [
          '-D',
          dataDir,
          '-h',
          HOST,
          '-p',
          String(postgres.port),
          ...SETTINGS.flatMap((setting) => ['-c', setting]),
        ],
        env: postgresEnvironment(environment),
        cwd: placement.folder,
        ...(account && { account }),
      };
    },

    ready: (signal) => pollUntil(() => createDatabase(embeddedDatabaseUrl(config, 'postgres')), signal),
    readyLimitMs: MINUTE_MS,
    // Fast shutdown: the default at SIGTERM waits until every client has gone.
    stopSignal: 'SIGINT',
    stopLimitMs: 2_500,
  };
}

const SETTINGS = [
  // A socket file would need a short path that the server's user may write to.
  'unix_socket_directories=',
  'timezone=UTC',
  'log_timezone=UTC',
] as const;

/** Proves that the server answers, by creating our database unless it is there. */
async function createDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}
