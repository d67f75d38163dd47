import { HOUR_MS } from '../../../domain/durations.ts';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { startCentralSystem, type CentralSystem } from '../../../charging/ocpp/centralSystem.ts';
import type { PlugSession } from '../../../charging/ocpp/plugSession.ts';
import { UNKNOWN_CONNECTOR, type ConnectorState } from '../../../charging/ocpp/connector.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { eventually } from '../../support/eventually.ts';

const PYTHON = process.env['OCPP_PYTHON'] ?? 'python3';
const SCRIPT = fileURLToPath(new URL('../chargePoint.py', import.meta.url));
const LIMIT_MS = 30_000;
const isThere = spawnSync(PYTHON, ['-c', 'import ocpp.v16, websockets']).status === 0;

const until = (what: string, is: () => boolean) => eventually(what, LIMIT_MS, async () => is() || undefined);

let central: CentralSystem | undefined;
let python: ChildProcess | undefined;
afterEach(async () => {
  python?.kill();
  await central?.close();
});

// A charge point that shares no code with ours.
describe.skipIf(!isThere)(
  `the Python package "ocpp" as charge point (skipped: ${PYTHON} has no ocpp and websockets)`,
  () => {
    test(
      'is started, charges by the plan, stops at 0 A, and its meter is what we counted',
      { timeout: 120_000 },
      async () => {
        let state: ConnectorState = UNKNOWN_CONNECTOR;
        let session: PlugSession | undefined;
        central = await startCentralSystem(
          { host: '127.0.0.1', port: 0 },
          {
            admit: async () => ({
              clock: REAL_TIME,
              now: Date.now,
              onUnknownPlug: () => {},
              plugs: new Map([
                [
                  1,
                  {
                    state,
                    supply: { phases: 3, maxAmps: 16, metersCompute: true },
                    onState: (next: ConnectorState) => void (state = next),
                    onSession: (next: PlugSession) => void (session = next),
                  },
                ],
              ]),
            }),
            onRefused: () => {},
            log: pino({ level: 'silent' }),
          },
        );
        const child = spawn(PYTHON, [SCRIPT, central.url, 'CP1', 'secret'], { stdio: ['pipe', 'pipe', 'inherit'] });
        python = child;
        const told: Record<string, unknown>[] = [];
        createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)));
        const follow = (chargeKw: number): void => {
          const nowMs = Date.now();
          const interval = { startMs: nowMs - 1000, endMs: nowMs + HOUR_MS, chargeKw, computeKw: 0 };
          session?.follow({ planId: 'p', issuedAtMs: nowMs, intervals: [interval] });
        };

        await until('it is there', () => state.plug === 'unplugged');
        child.stdin.write('plug\n');
        follow(6.9);
        await until('it charges', () => state.isCharging && state.powerKw === 6.9);
        await until('its meter runs', () => state.totalWh > 5);
        follow(0);
        await until('it draws nothing', () => state.powerKw === 0 && !state.isCharging);
        child.stdin.write('unplug\n');
        await until('it is gone', () => state.plug === 'unplugged');
        const end = told.find((each) => 'stopped' in each);
        expect(Number(end?.['meter_wh']) - 100_000).toBeCloseTo(state.totalWh, -0.5);
      },
    );
  },
);
