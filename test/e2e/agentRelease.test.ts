import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { launchAgent } from '../../agent/releases/launcher.ts';
import { readSlots } from '../../agent/releases/slots.ts';
import type { Broker } from '../../api/mqtt/broker.ts';
import { agentStateSchema } from '../../api/wire/agentReleases.ts';
import type { AgentSettingsWire } from '../../api/wire/agents.ts';
import { agentSettings } from '../support/agentSettings.ts';
import { makeRelease } from '../../cli/releaseFolder.ts';
import { newReleaseKey, readRelease, signRelease, type SignedRelease } from '../../domain/agentReleases.ts';
import { testGateway, type TestGateway } from '../api/gateway/support/testGateway.ts';
import { FakeTemporal } from '../car/agent/support/fakeTemporal.ts';
import { eventually } from '../support/eventually.ts';
import { openBroker } from '../support/openBroker.ts';

const CAR = 'car-that-takes-releases';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const [BROKEN, GOOD] = [6, 7];
const PATIENCE_MS = 100_000;
const log = pino({ level: 'silent' });
const maker = newReleaseKey();
const ends: (() => unknown)[] = [];
let folder: string;
let temporal: FakeTemporal;
let gateway: TestGateway;
let broker: Broker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-agent-release-'));
  temporal = await FakeTemporal.start();
  gateway = await testGateway({ target: temporal.address, vehicleIds: [CAR] });
  broker = await openBroker(log);
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await gateway.close();
  await temporal.stop();
  await broker.close();
  await rm(folder, { recursive: true, force: true });
});

/** This installation as a release, which finds its packages above the state folder. */
async function release(
  version: number,
  change: (installation: string) => Promise<void>,
): Promise<[SignedRelease, string]> {
  const installation = join(folder, `made-${version}`);
  await cp(join(ROOT, 'dist'), join(installation, 'dist'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(installation, 'package.json'));
  await change(installation);
  const described = { version, name: `0.${version}`, entry: 'dist/cli/main.js', expiresInDays: 1 };
  const made = await makeRelease(installation, ['dist', 'package.json'], described);
  return [signRelease({ signed: JSON.stringify(made), signatures: [] }, maker.privateKey), installation];
}

function settings(): AgentSettingsWire {
  return agentSettings(CAR, { gatewayAddress: gateway.address, mqttUrl: broker.url });
}

/** As much of the API as an agent asks for its releases. */
async function cell(releases: ReadonlyMap<number, readonly [SignedRelease, string]>) {
  const told: { version: number; failed: number[] }[] = [];
  const files = new Map<string, string>();
  for (const [signed, installation] of releases.values()) {
    const { files: of } = readRelease(signed);
    for (const { path, sha256 } of of) files.set(sha256, join(installation, path));
  }
  const server = createServer((request, response) => {
    void (async () => {
      const { pathname } = new URL(request.url ?? '', 'http://api');
      const last = pathname.split('/').at(-1) ?? '';
      if (pathname === '/cars/v1/settings') return response.end(JSON.stringify(settings()));
      if (pathname.startsWith('/cars/v1/release_files/')) return response.end(await readFile(files.get(last) ?? ''));
      if (pathname.startsWith('/cars/v1/releases/'))
        return response.end(JSON.stringify(releases.get(Number(last))?.[0]));
      const said = agentStateSchema.parse(JSON.parse(await textOf(request)));
      told.push(said);
      // The good one once the broken one has failed.
      const wanted = said.failed.includes(BROKEN) ? GOOD : BROKEN;
      return response.end(JSON.stringify({ wanted: said.version < wanted ? wanted : null }));
    })().catch(() => response.writeHead(404).end('{}'));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  const address = server.address();
  return { told, url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}` };
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += chunk.toString();
  return text;
}

test(
  'the program itself fetches a broken release and leaves it by itself, then one that works, and goes on with that',
  { timeout: 2 * PATIENCE_MS },
  async () => {
    const releases = new Map([
      [
        BROKEN,
        await release(BROKEN, (made) => writeFile(join(made, 'dist/cli/main.js'), 'throw new Error("broken");')),
      ],
      [
        GOOD,
        await release(GOOD, (made) => writeFile(join(made, 'package.json'), '{"version":"0.7.0","type":"module"}')),
      ],
    ] as const);
    const { told, url } = await cell(releases);
    const stateDir = join(folder, 'state');
    await mkdir(stateDir);
    await symlink(join(ROOT, 'node_modules'), join(stateDir, 'node_modules'));
    const configFile = join(folder, 'agent.json');
    const trust = { keys: [maker.publicKey] };
    const config = {
      api: url,
      carId: CAR,
      key: `key of ${CAR}`,
      stateDir,
      releases: trust,
      logLevel: 'error',
    };
    await writeFile(configFile, JSON.stringify(config));
    const stopping = new AbortController();
    const running = launchAgent({
      stateDir,
      baseEntry: join(ROOT, 'dist/cli/main.js'),
      args: ['agent', 'run', configFile],
      log,
      stop: stopping.signal,
      healthLimitMs: PATIENCE_MS,
      probationMs: 500,
    });
    ends.push(async () => {
      stopping.abort();
      await running;
    });
    const used = await eventually('the good release is used', PATIENCE_MS, async () => {
      const state = await readSlots(stateDir);
      return state.version === GOOD ? state : undefined;
    });
    expect(used).toMatchObject({ highest: GOOD, failed: [BROKEN], trial: null });
    expect(told.map(({ version, failed }) => [version, failed])).toEqual(
      expect.arrayContaining([
        [0, []],
        [0, [BROKEN]],
      ]),
    );
    stopping.abort();
    expect(await running).toBe(0);
  },
);
