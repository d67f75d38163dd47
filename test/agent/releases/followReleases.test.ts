import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { exchangeCode } from '../../../agent/carDoors.ts';
import { followReleases } from '../../../agent/releases/followReleases.ts';
import { readSlots, slotFolder, staged, writeSlots } from '../../../agent/releases/slots.ts';
import { ApiClient } from '../../../api/client/apiClient.ts';
import { agentReleasesSchema } from '../../../api/wire/agentReleases.ts';
import { makeRelease, publishRelease } from '../../../cli/releaseFolder.ts';
import { newReleaseKey, signRelease } from '../../../domain/agentReleases.ts';
import { DAY_MS } from '../../../domain/durations.ts';
import { objectKeys } from '../../../domain/names.ts';
import { orderRelease } from '../../../store/agentReleases.ts';
import { useApi, type Json } from '../../api/apiHarness.ts';
import { eventually } from '../../support/eventually.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const log = pino({ level: 'silent' });
const PATIENCE_MS = 10_000;
const terminal = { out: () => {}, err: () => {}, colors: {} as never };
const maker = newReleaseKey();
let stateDir: string;
let base: string;
let stopping: AbortController;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'nightshift-releases-'));
  base = join(stateDir, 'installation');
  stopping = new AbortController();
  await mkdir(join(base, 'dist'), { recursive: true });
  await writeFile(join(base, 'dist/main.js'), 'old');
  await writeFile(join(base, 'package.json'), '{}');
});
afterEach(async () => {
  vi.useRealTimers();
  stopping.abort();
  await rm(stateDir, { recursive: true, force: true });
});

const operator = (): ApiClient => new ApiClient(api.server.url, 'test-key');

/** Publishes an installation with another program. */
async function publish(version: number, options: { key?: string; days?: number; source?: string } = {}): Promise<void> {
  const folder = join(stateDir, `made-${version}`);
  await mkdir(join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'dist/main.js'), options.source ?? `release ${version}`, { mode: 0o755 });
  await writeFile(join(folder, 'package.json'), '{}');
  const made = await makeRelease(folder, ['dist', 'package.json'], {
    version,
    name: `0.${version}`,
    entry: 'dist/main.js',
    expiresInDays: options.days ?? 1,
  });
  const signed = signRelease({ signed: JSON.stringify(made), signatures: [] }, options.key ?? maker.privateKey);
  await publishRelease(operator(), signed, folder, terminal);
}

/** The agent of car-1, which a roll-out has told to use the release. */
async function follow(version: number): Promise<{ ready: Promise<void> }> {
  const { code } = (await (await api.fetch('/fleet/v1/vehicles/car-1/codes', { method: 'POST' })).json()) as Json;
  const { key } = await exchangeCode(api.server.url, code);
  await orderRelease(database, version, ['car-1']);
  const config = { api: api.server.url, key, stateDir, releases: { keys: [maker.publicKey], threshold: 1 } };
  const ready = followReleases({ config, baseFolder: base, log, signal: stopping.signal, askEveryMs: 20 });
  ready.catch(() => undefined);
  return { ready };
}

async function told() {
  const { cars } = agentReleasesSchema.parse(await operator().json('GET', '/ops/v1/agent_releases'));
  return cars.find(({ car_id: id }) => id === 'car-1');
}

const start = (version: string): Promise<unknown> =>
  operator().json('POST', '/ops/v1/rollouts', { model: 'nightshift-agent', version });

const refused = (version: number) =>
  eventually('the cell hears that the release is refused', PATIENCE_MS, async () =>
    (await told())?.refused === version ? true : undefined,
  );

describe('an agent that is to use a release', () => {
  test('puts it into the free folder, and fetches only what has changed', async () => {
    await publish(11);
    await api.ports.objects.delete(objectKeys.agentFile(shaOf('{}')));
    const { ready } = await follow(11);
    // What is alike comes from the installation: the cell has lost it.
    await ready;
    const folder = slotFolder(stateDir, 'a');
    expect(await readFile(join(folder, 'dist/main.js'), 'utf8')).toBe('release 11');
    expect(await readFile(join(folder, 'package.json'), 'utf8')).toBe('{}');
    expect((await stat(join(folder, 'dist/main.js'))).mode & 0o100).toBe(0o100);
    expect((await readSlots(stateDir)).trial).toEqual({ slot: 'a', version: 11, entry: 'dist/main.js', starts: 0 });
    expect(await told()).toMatchObject({ version: 0, ordered: 11, failed: [] });
  });

  test('takes none whose file was tampered with', async () => {
    await publish(12);
    const key = objectKeys.agentFile(shaOf('release 12'));
    await api.ports.objects.put(key, 'relea5e 12');
    await follow(12);
    await refused(12);
    expect(await readSlots(stateDir)).toMatchObject({ version: 0, highest: 0, trial: null });
  });

  test('takes none that a stranger has signed', async () => {
    await publish(13, { key: newReleaseKey().privateKey });
    await follow(13);
    await refused(13);
    expect((await readSlots(stateDir)).trial).toBeNull();
  });

  test('takes none that is older than what it had, whoever says so', async () => {
    await publish(14);
    const before = await readSlots(stateDir);
    await writeSlots(stateDir, { ...before, highest: 20 });
    await follow(14);
    await refused(14);
    expect((await readSlots(stateDir)).trial).toBeNull();
  });

  test('takes none that has expired since it was published', async () => {
    await publish(15);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * DAY_MS });
    await follow(15);
    await refused(15);
    expect((await readSlots(stateDir)).trial).toBeNull();
  });

  test('asks for nothing while it is itself on trial', async () => {
    await publish(16);
    const before = await readSlots(stateDir);
    await writeSlots(stateDir, staged(before, { version: 16, entry: 'dist/main.js' }));
    await follow(16);
    await writeSlots(stateDir, { ...before, active: 'a', version: 16, entry: 'dist/main.js', highest: 16 });
    const said = await eventually('it has asked', PATIENCE_MS, async () => {
      const car = await told();
      return car?.version === 16 ? car : undefined;
    });
    // Before the verdict it would have said 0, and refused what it runs.
    expect(said).toMatchObject({ failed: [], refused: null });
  });
});

describe('the cell', () => {
  test('takes no release that agents would refuse: older, expired, or another under the same number', async () => {
    await publish(30);
    await expect(publish(29)).rejects.toThrow('version: must be above 30');
    await expect(publish(30, { source: 'other' })).rejects.toThrow('Release 30 is published with other files');
    const signed = { signed: JSON.stringify({ product: 'nightshift-agent', version: 31 }), signatures: [] };
    await expect(operator().json('POST', '/ops/v1/agent_releases', signed)).rejects.toThrow('name');
  });

  test('takes no file that is another than its name says', async () => {
    const put = operator().call(`/ops/v1/agent_releases/files/${'b'.repeat(64)}`, { method: 'PUT', body: 'x' });
    await expect(put).rejects.toThrow('is not the hash of the body');
    expect(await api.ports.objects.head(objectKeys.agentFile('b'.repeat(64)))).toBeUndefined();
  });

  test('rolls out only what is published, and never an older one than the one in use', async () => {
    await expect(start('99')).rejects.toThrow('There is no release of the agent "99"');
    await publish(40);
    expect(await start('40')).toMatchObject({
      model: 'nightshift-agent',
      version: '40',
      previous_version: '0',
      spec: { compare: { requests: 0 } },
    });
  });
});

function shaOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
