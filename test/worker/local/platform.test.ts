import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../config/config.ts';
import { childEnvironment, embeddedServers, localProcesses, startPlatform } from '../../../worker/local/platform.ts';
import { childScript, temporaryFolder } from './supervisor/scripts.ts';
import { freePort } from '../../support/freePorts.ts';

const load = (env: NodeJS.ProcessEnv = {}, cwd = temporaryFolder()) => loadConfig({ env, cwd });
const keys = (env: NodeJS.ProcessEnv): string[] =>
  localProcesses(load(env)).flatMap(({ ports }) => ports.map(({ configKey }) => configKey));
const names = (env: NodeJS.ProcessEnv): string[] => localProcesses(load(env)).map(({ name }) => name);

describe('the processes of the local stack', () => {
  test('start with the servers, so that they stop the other way round', () => {
    expect(names({})).toEqual(['postgres', 'temporal', 'control', 'api', 'gateway']);
  });

  test('leave out what the config replaces', () => {
    expect(names({ DATABASE_URL: 'postgres://db/nightshift' })).toEqual(['temporal', 'control', 'api', 'gateway']);
    expect(names({ NIGHTSHIFT_OCPP_PORT: '9310' })).toContain('charging');
    expect(names({ TEMPORAL_ADDRESS: 'temporal:7233' })).toEqual(['postgres', 'control', 'api', 'gateway']);
  });

  test('claim every port that they listen on', () => {
    const embedded = ['postgres.port', 'temporal.port', 'temporal.uiPort', 'api.port', 'mqtt.port', 'gateway.port'];
    expect(keys({})).toEqual(embedded);
    expect(keys({ MQTT_URL: 'mqtt://broker' })).toEqual(embedded.filter((key) => key !== 'mqtt.port'));
  });

  test('stop within 15 s together', () => {
    const limits = localProcesses(load()).map(({ stopLimitMs }) => stopLimitMs);
    expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThan(15_000);
  });
});

describe('what a process of ours is started with', () => {
  test('names the embedded servers, whatever TEMPORAL_ variables are left over', () => {
    const config = load({
      NIGHTSHIFT_TEMPORAL_PORT: '7300',
      TEMPORAL_NAMESPACE: 'cell-7',
      TEMPORAL_API_KEY: 'left over',
    });
    const child = load(childEnvironment(config));
    expect(child.temporal).toMatchObject({ embedded: false, connection: { namespace: 'cell-7' } });
    expect(child.temporal.connection.options).toMatchObject({ address: '127.0.0.1:7300', apiKey: undefined });
    expect(child.databaseUrl).toMatch(/^postgres:\/\/nightshift:[^@]{32}@127\.0\.0\.1:54329\/nightshift$/);
    expect(child.stateDir).toBe(config.stateDir);
  });

  test('names the servers elsewhere', () => {
    const env = {
      TEMPORAL_ADDRESS: 'cloud:7233',
      TEMPORAL_API_KEY: 'key',
      DATABASE_URL: 'postgres://db/nightshift',
      NIGHTSHIFT_SECRETS_KEY: 'the key that signs tokens',
    };
    const child = load(childEnvironment(load(env)));
    expect(child.temporal.connection.options).toMatchObject({ address: 'cloud:7233', apiKey: 'key', tls: true });
    expect(child.databaseUrl).toBe('postgres://db/nightshift');
  });
});

test('lets a process of ours reach the PostgreSQL that was started before it', async () => {
  const cwd = temporaryFolder();
  // Else root's PostgreSQL could not reach it and would be placed outside.
  chmodSync(cwd, 0o755);
  const env = {
    PATH: process.env.PATH,
    TEMPORAL_ADDRESS: 'elsewhere:7233',
    NIGHTSHIFT_POSTGRES_PORT: String(await freePort()),
  };
  const config = load(env, cwd);
  const pg = import.meta.resolve('pg');
  const child = childScript('child', {
    start: `const { default: { Client } } = await import(${JSON.stringify(pg)});
      const client = new Client({ connectionString: process.env.DATABASE_URL });
      await client.connect();
      console.log((await client.query('SELECT current_database() AS name')).rows[0].name);
      await client.end();`,
  });
  const launch: typeof child.launch = async (report, signal) => ({
    ...(await child.launch(report, signal)),
    env: childEnvironment(config),
  });
  const lines: string[] = [];
  // The server elsewhere is not asked for: only what is embedded is under test.
  const embedded = { ...config, temporal: { ...config.temporal, embedded: true } };
  const platform = await startPlatform(embedded, {
    processes: [...embeddedServers(config), { ...child, launch }],
    onLine: (name, line) => {
      if (name === 'child') lines.push(line);
    },
  });
  await platform.stop();
  expect(lines).toEqual(['nightshift']);
});
