import { execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig, type Config } from '../../../config/config.ts';
import { accountFor } from '../../../worker/local/postgres/account.ts';
import { stopLeftover } from '../../../worker/local/postgres/leftover.ts';
import { placeCluster, reachableBinaries } from '../../../worker/local/postgres/placement.ts';
import { embeddedDatabaseUrl, postgresProcess } from '../../../worker/local/postgres/postgresProcess.ts';
import { startSupervisor, type Supervisor } from '../../../worker/local/supervisor/supervisor.ts';
import { freePort } from '../../support/freePorts.ts';

const isRoot = process.getuid?.() === 0;
let checkout: string;
const running: Supervisor[] = [];

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'nightshift-postgres-'));
  // A checkout that other users may enter, which mkdtemp's is not.
  chmodSync(checkout, 0o755);
});
afterEach(async () => {
  for (const supervisor of running.splice(0)) await supervisor.stop();
  rmSync(checkout, { recursive: true, force: true });
});

async function configure(cwd = checkout): Promise<Config> {
  return loadConfig({ env: { PATH: process.env.PATH, NIGHTSHIFT_POSTGRES_PORT: String(await freePort()) }, cwd });
}

async function start(config: Config, onLine?: (name: string, line: string) => void): Promise<Supervisor> {
  const { stateDir } = config;
  const supervisor = await startSupervisor({ stateDir, processes: [postgresProcess(config)], onLine });
  running.push(supervisor);
  return supervisor;
}

async function query(config: Config, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: embeddedDatabaseUrl(config) });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows.flatMap(Object.values);
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL', () => {
  test('has UTF8, locale C, UTC and a password, and keeps its data over a restart and a kill -9', async () => {
    const config = await configure();
    const supervisor = await start(config);
    expect(
      await query(
        config,
        `SELECT pg_encoding_to_char(encoding), datcollate, current_setting('server_version_num')::int / 10000,
                current_setting('timezone') FROM pg_database WHERE datname = current_database()`,
      ),
    ).toEqual(['UTF8', 'C', 18, 'UTC']);
    const passwordFile = join(config.stateDir, 'postgres-password');
    expect(statSync(passwordFile).mode & 0o777).toBe(0o600);
    const wrong = new Client({ connectionString: embeddedDatabaseUrl(config).replace(/:[^:@]+@/, ':guess@') });
    await expect(wrong.connect()).rejects.toThrow('password authentication failed');

    await query(config, 'CREATE TABLE kept AS SELECT 42 AS answer');
    supervisor.kill('postgres', 'SIGKILL');
    await supervisor.waitUntilReady();
    expect(await query(config, 'SELECT answer FROM kept')).toEqual([42]);
    await supervisor.stop();

    await start(config);
    expect(await query(config, 'SELECT answer FROM kept')).toEqual([42]);
  });

  test('stops the server that an earlier run left behind', async () => {
    const config = await configure();
    const first = await start(config);
    await first.stop();
    // A server that no pid file knows of, as when the supervisor died right after it had started it.
    const spec = postgresProcess(config);
    const { command, args, env, account, cwd } = await spec.launch(() => {}, new AbortController().signal);
    const leftover = spawn(command, args, { env, cwd, ...account, stdio: 'ignore' });
    const answers = async (): Promise<unknown> => expect(await query(config, 'SELECT 1')).toEqual([1]);
    await vi.waitFor(answers, { timeout: 10_000 });
    const lines: string[] = [];
    await start(config, (_, line) => void lines.push(line));
    expect(lines[0]).toContain(`stopped the PostgreSQL that an earlier run had left (process ${leftover.pid})`);
    expect(leftover.exitCode).toBe(0);
    expect(await query(config, 'SELECT 1')).toEqual([1]);
  });

  test('does not touch a program that has got the pid in a stale postmaster.pid', async () => {
    const dataDir = mkdtempSync(join(checkout, 'data-'));
    writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);
    expect(await stopLeftover(dataDir)).toBeUndefined();
    expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false);
  });

  test('never uses a cluster whose creation was interrupted', async () => {
    const config = await configure();
    // Closed as a start would have left it: as root, PostgreSQL's files are then elsewhere.
    mkdirSync(config.stateDir, { mode: 0o700 });
    const { folder } = placeCluster(config.stateDir);
    mkdirSync(join(folder, '.draft-half', 'base'), { recursive: true });
    await start(config);
    expect(existsSync(join(folder, '.draft-half'))).toBe(false);
  });
});

describe.skipIf(!isRoot)('as root (skipped for others: only root can change its user)', () => {
  test('moves the data out of a folder that only root may enter, says so and remembers it', async () => {
    chmodSync(checkout, 0o700);
    const config = await configure();
    const reports: (string | undefined)[] = [];
    const supervisor = await startSupervisor({
      stateDir: config.stateDir,
      processes: [postgresProcess(config)],
      onStatus: ({ detail }) => void reports.push(detail),
    });
    running.push(supervisor);
    await query(config, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const { folder, account } = placeCluster(config.stateDir);
    try {
      expect(folder.startsWith(config.stateDir)).toBe(false);
      expect(reports).toContain(`data in ${join(folder, 'data')}, as user ${account?.name}`);
      await supervisor.stop();

      // Stays where it is when the folder is opened later, else the data would seem lost.
      chmodSync(checkout, 0o755);
      await (await start(config)).stop();
      expect(placeCluster(config.stateDir).folder).toBe(folder);

      // Deleting the state folder is how a person starts afresh.
      chmodSync(checkout, 0o700);
      rmSync(config.stateDir, { recursive: true });
      await start(config);
      expect(await query(config, `SELECT to_regclass('kept')`)).toEqual([null]);
    } finally {
      for (const one of running.splice(0)) await one.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('takes along the data that an earlier version kept in a state folder which others could enter', async () => {
    const config = await configure();
    mkdirSync(config.stateDir, { mode: 0o755 });
    const spec = postgresProcess(config);
    const { command, args, env, account, cwd } = await spec.launch(() => {}, new AbortController().signal);
    expect(cwd).toBe(join(config.stateDir, 'postgres'));
    spawn(command, args, { env, cwd, ...account, stdio: 'ignore' });
    if (spec.ready !== 'message') await spec.ready(AbortSignal.timeout(20_000));
    await query(config, 'CREATE TABLE kept AS SELECT 42 AS answer');

    await start(config);
    const { folder } = placeCluster(config.stateDir);
    try {
      expect(folder.startsWith(config.stateDir)).toBe(false);
      expect(await query(config, 'SELECT answer FROM kept')).toEqual([42]);
      expect(existsSync(join(config.stateDir, 'postgres'))).toBe(false);
      expect(statSync(join(config.stateDir, 'postgres.json')).mode & 0o777).toBe(0o600);
      await running[0]?.stop();
      await start(config);
      expect(await query(config, 'SELECT answer FROM kept')).toEqual([42]);
    } finally {
      for (const one of running.splice(0)) await one.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('copies binaries that only root may read, once', async () => {
    const account = accountFor(undefined);
    const closed = join(checkout, 'closed');
    mkdirSync(join(closed, 'bin'), { recursive: true, mode: 0o700 });
    for (const part of ['lib', 'share']) mkdirSync(join(closed, part));
    writeFileSync(join(closed, 'bin', 'postgres'), '#!/bin/sh\necho ran\n', { mode: 0o700 });
    writeFileSync(join(closed, 'lib', 'libpq.so.5.18'), '', { mode: 0o600 });
    symlinkSync('libpq.so.5.18', join(closed, 'lib', 'libpq.so'));

    const shared = join(checkout, 'shared');
    const copy = (): string => reachableBinaries({ root: closed, version: '18.4.0' }, account, [shared]);
    const copied = copy();
    const ran = await promisify(execFile)(join(copied, 'bin', 'postgres'), { uid: account.uid, gid: account.gid });
    expect(ran.stdout).toBe('ran\n');
    expect(readlinkSync(join(copied, 'lib', 'libpq.so'))).toBe('libpq.so.5.18');
    expect(statSync(join(copied, 'lib', 'libpq.so')).mode & 0o777).toBe(0o644);
    writeFileSync(join(copied, 'kept'), '');
    expect(existsSync(join(copy(), 'kept'))).toBe(true);
  });

  test('puts nothing where others than root can write', () => {
    const shared = join(checkout, 'shared');
    const state = join(checkout, 'state');
    mkdirSync(state, { mode: 0o700 });
    const open = join(checkout, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    expect(placeCluster(state, [open, shared]).folder.startsWith(`${shared}/`)).toBe(true);
    expect(() => placeCluster(state, [open])).toThrow(`${open}: must belong to root, be writable to root only`);
  });

  test('runs as the owner of data that an ordinary user has made', () => {
    const home = join(checkout, '.nightshift', 'postgres');
    mkdirSync(home, { recursive: true });
    chownSync(home, 65534, 65534);
    expect(placeCluster(join(checkout, '.nightshift')).account?.uid).toBe(65534);
  });

  test('starts as an ordinary user', async () => {
    const cwd = join(checkout, 'home');
    mkdirSync(cwd);
    chownSync(cwd, 65534, 65534);
    const script = `
      import { loadConfig } from '${new URL('../../../config/config.ts', import.meta.url).href}';
      import { postgresProcess } from '${new URL('../../../worker/local/postgres/postgresProcess.ts', import.meta.url).href}';
      import { startSupervisor } from '${new URL('../../../worker/local/supervisor/supervisor.ts', import.meta.url).href}';
      const config = loadConfig({ env: process.env, cwd: process.cwd() });
      const supervisor = await startSupervisor({ stateDir: config.stateDir, processes: [postgresProcess(config)] });
      await supervisor.stop();
      console.log('uid', process.getuid());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script],
      {
        cwd,
        uid: 65534,
        gid: 65534,
        env: { PATH: process.env.PATH, TMPDIR: cwd, NIGHTSHIFT_POSTGRES_PORT: String(await freePort()) },
      },
    );
    expect(stdout).toBe('uid 65534\n');
    expect(statSync(join(cwd, '.nightshift', 'postgres', 'data')).uid).toBe(65534);
  });
});
