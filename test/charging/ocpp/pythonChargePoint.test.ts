import { HOUR_MS } from '../../../domain/durations.ts';
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { startCentralSystem, type CentralSystem } from '../../../charging/ocpp/centralSystem.ts';
import type { PlugSession } from '../../../charging/ocpp/plugSession.ts';
import { UNKNOWN_CONNECTOR, type ConnectorState } from '../../../charging/ocpp/connector.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { SELF_SIGNED } from '../../support/selfSigned.ts';

const PYTHON = process.env['OCPP_PYTHON'] ?? 'python3';
const SCRIPT = fileURLToPath(new URL('../chargePoint.py', import.meta.url));
const LIMIT_MS = 30_000;
const PASSWORD = 'secret';
const isThere = spawnSync(PYTHON, ['-c', 'import ocpp.v16, ocpp.v201, websockets']).status === 0;

const until = (what: string, is: () => boolean) => eventually(what, LIMIT_MS, async () => is() || undefined);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Bench {
  readonly central: CentralSystem;
  readonly refused: string[];
  state: ConnectorState;
  session: PlugSession | undefined;
}

async function startBench(isSecure: boolean): Promise<Bench> {
  const refused: string[] = [];
  const plug = {
    supply: { phases: 3, maxAmps: 16, metersCompute: true } as const,
    onState: (next: ConnectorState) => void (bench.state = next),
    onSession: (next: PlugSession) => void (bench.session = next),
  };
  const current = { certificate: Buffer.from(SELF_SIGNED.cert), key: Buffer.from(SELF_SIGNED.key) };
  const tls = { current, onRenewed: () => {} };
  const central = await startCentralSystem(
    { host: '127.0.0.1', port: 0, ...(isSecure && { tls }) },
    {
      admit: async (id, password) =>
        id === 'CP1' && password?.toString() === PASSWORD
          ? {
              clock: REAL_TIME,
              now: Date.now,
              onUnknownPlug: () => {},
              plugs: new Map([[1, { ...plug, state: bench.state }]]),
            }
          : undefined,
      onRefused: (_, why) => void refused.push(why),
      log: pino({ level: 'silent' }),
    },
  );
  const bench: Bench = { central, refused, state: UNKNOWN_CONNECTOR, session: undefined };
  ends.push(() => central.close());
  return bench;
}

type Python = ChildProcessByStdio<Writable, Readable, null>;

function startPython(...args: string[]): { child: Python; told: Record<string, unknown>[] } {
  const child = spawn(PYTHON, [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  ends.push(() => child.kill());
  const told: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  return { child, told };
}

async function certificateFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-ocpp-'));
  ends.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'ca.pem');
  await writeFile(file, SELF_SIGNED.cert);
  return file;
}

// A charge point that shares no code with ours.
describe.skipIf(!isThere)(
  `the Python package "ocpp" as charge point (skipped: ${PYTHON} has no ocpp 2.x and websockets)`,
  () => {
    test.each([
      { protocol: 'ocpp1.6', profile: 1 },
      { protocol: 'ocpp1.6', profile: 2 },
      { protocol: 'ocpp2.0.1', profile: 1 },
      { protocol: 'ocpp2.0.1', profile: 2 },
    ])(
      '$protocol, security profile $profile: is started, charges by the plan, stops at 0 A, and its meter is what we counted',
      { timeout: 120_000 },
      async ({ protocol, profile }) => {
        const bench = await startBench(profile === 2);
        const tls = profile === 2 ? ['--ca', await certificateFile()] : [];
        expect(bench.central.url).toMatch(profile === 2 ? /^wss:/ : /^ws:/);
        const { child, told } = startPython(bench.central.url, 'CP1', PASSWORD, '--protocol', protocol, ...tls);
        const follow = (chargeKw: number): void => {
          const nowMs = Date.now();
          const interval = { startMs: nowMs - 1000, endMs: nowMs + HOUR_MS, chargeKw, computeKw: 0 };
          bench.session?.follow({ planId: 'p', issuedAtMs: nowMs, intervals: [interval] });
        };

        await until('it is there', () => bench.state.plug === 'unplugged');
        child.stdin.write('plug\n');
        follow(6.9);
        await until('it charges', () => bench.state.isCharging && Math.abs((bench.state.powerKw ?? 0) - 6.9) < 1e-6);
        await until('the plan is of its transaction', () =>
          told.some((each) => each['profile'] === 'TxProfile' && each['amps'] === 10),
        );
        await until('its meter runs', () => bench.state.totalWh > 5);
        follow(0);
        await until('it draws nothing', () => bench.state.powerKw === 0 && !bench.state.isCharging);
        child.stdin.write('unplug\n');
        await until('it is gone', () => bench.state.plug === 'unplugged' && bench.state.transaction === null);
        const end = told.find((each) => 'stopped' in each);
        expect(Number(end?.['meter_wh']) - 100_000).toBeCloseTo(bench.state.totalWh, -0.5);
      },
    );

    test('is not let in with a wrong password, and does not come in where it cannot trust the certificate', async () => {
      const bench = await startBench(true);
      const wrong = startPython(bench.central.url, 'CP1', 'wrong', '--ca', await certificateFile());
      await until('it is refused', () => bench.refused.length === 1);
      await until('it gives up', () => wrong.child.exitCode !== null);
      const distrustful = startPython(bench.central.url, 'CP1', PASSWORD);
      await until('it stays out', () => distrustful.child.exitCode !== null && distrustful.child.exitCode !== 0);
      const plain = startPython(bench.central.url.replace('wss:', 'ws:'), 'CP1', PASSWORD);
      await until('a line without TLS is none', () => plain.child.exitCode !== null && plain.child.exitCode !== 0);
      expect([...wrong.told, ...distrustful.told, ...plain.told]).toEqual([]);
      expect(bench.state).toBe(UNKNOWN_CONNECTOR);
    });
  },
);
