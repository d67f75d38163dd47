import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ManagedProcess, ProcessStatus } from '../../../../worker/local/supervisor/managedProcess.ts';
import { processStart } from '../../../../worker/local/supervisor/processStart.ts';
import {
  startSupervisor,
  type Supervisor,
  type SupervisorOptions,
} from '../../../../worker/local/supervisor/supervisor.ts';
import { childScript, plainScript, READY, temporaryFolder } from './scripts.ts';
import { freePort } from '../../../support/freePorts.ts';

let stateDir: string;
let started: Supervisor[];
beforeEach(() => {
  stateDir = temporaryFolder();
  started = [];
});
afterEach(async () => {
  for (const supervisor of started) await supervisor.stop();
});

async function start(processes: ManagedProcess[], options: Partial<SupervisorOptions> = {}): Promise<Supervisor> {
  const supervisor = await startSupervisor({ stateDir, processes, ...options });
  started.push(supervisor);
  return supervisor;
}

const pidOf = (supervisor: Supervisor, name: string): number => {
  const pid = supervisor.status().find((status) => status.name === name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
};

describe('starting', () => {
  test('starts in order, each when the one before is ready, and stops in the opposite order', async () => {
    const log = join(stateDir, 'order');
    const write = (text: string): string => `appendFileSync(${JSON.stringify(log)}, '${text} ');`;
    const child = (name: string) => childScript(name, { start: write(`+${name}`), stop: write(`-${name}`) });
    const supervisor = await start([child('a'), child('b')]);
    await supervisor.stop();
    expect(readFileSync(log, 'utf8')).toBe('+a +b -b -a ');
    expect(supervisor.status().map(({ state }) => state)).toEqual(['stopped', 'stopped']);
    expect(readdirSync(join(stateDir, 'run'))).toEqual([]);
    expect(readdirSync(stateDir).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  test('names a busy port, its key and its variable, before anything is started', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    try {
      const api = plainScript('api', READY, { ports: [{ host: '127.0.0.1', port, configKey: 'api.port' }] });
      const first = plainScript('first', READY);
      await expect(start([first, api])).rejects.toMatchObject({
        code: 'port_in_use',
        field: 'api.port',
        message: expect.stringMatching(new RegExp(`^Port ${port} .*api\\.port.*NIGHTSHIFT_API_PORT`)),
      });
      expect(readFileSync(join(stateDir, 'logs', 'first.log'), 'utf8')).toBe('');
    } finally {
      other.close();
    }
  });

  test('refuses one port for two parts', async () => {
    const claim = { host: '127.0.0.1', port: await freePort() };
    const one = plainScript('one', READY, { ports: [{ ...claim, configKey: 'api.port' }] });
    const two = plainScript('two', READY, { ports: [{ ...claim, configKey: 'mqtt.port' }] });
    await expect(start([one, two])).rejects.toThrow(/set for both api.port and mqtt.port/);
  });

  test('stops what it had started and shows the last lines when one cannot start', async () => {
    let firstPid: number | undefined;
    const onStatus = ({ name, pid }: ProcessStatus): void => {
      if (name === 'first') firstPid ??= pid;
    };
    const broken = plainScript('broken', `console.error('no such model'); process.exit(3)`);
    await expect(start([plainScript('first', READY), broken], { onStatus })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/broken did not start: it exited with code 3\n.*no such model/),
    });
    expect(firstPid).toBeDefined();
    expect(processStart(firstPid ?? 0)).toBeUndefined();
  });

  test('passes on the reason that a child gives', async () => {
    const child = childScript('child', { start: `throw new Error('model is missing')` });
    await expect(start([child])).rejects.toThrow('child did not start: model is missing');
  });

  test('gives up a process that is not ready within its limit', async () => {
    const silent = plainScript('silent', 'setInterval(() => {}, 1000)', { readyLimitMs: 300 });
    await expect(start([silent])).rejects.toThrow('silent did not start: not ready within 0.3 s');
  });

  test('stops in the middle of a long preparation', async () => {
    const stop = new AbortController();
    const slow = plainScript('slow', READY, {
      launch: (report, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('interrupted')));
          report('building');
        }),
    });
    const onStatus = ({ detail }: ProcessStatus): void => {
      if (detail === 'building') stop.abort(new Error('asked to stop'));
    };
    await expect(start([slow], { stop: stop.signal, onStatus })).rejects.toThrow('asked to stop');
  });

  test('refuses a second supervisor on the same folder, and lets the next one in', async () => {
    const first = await start([]);
    await expect(start([])).rejects.toMatchObject({ code: 'state_folder_in_use', field: 'stateDir' });
    await first.stop();
    await start([]);
  });
});

describe('keeping', () => {
  test('starts a process again that was killed with -9, and keeps its output', async () => {
    const supervisor = await start([plainScript('worker', `console.log('pid', process.pid); ${READY}`)]);
    const pids: number[] = [];
    for (let round = 0; round < 2; round++) {
      pids.push(pidOf(supervisor, 'worker'));
      supervisor.kill('worker', 'SIGKILL');
      await supervisor.waitUntilReady();
    }
    pids.push(pidOf(supervisor, 'worker'));
    expect(new Set(pids).size).toBe(3);
    expect(supervisor.status()[0]).toMatchObject({ state: 'ready', restarts: 2 });
    const log = join(stateDir, 'logs', 'worker.log');
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toBe(pids.map((pid) => `pid ${pid}\n`).join('')));
  });

  test('tries again when a restart fails', async () => {
    let launches = 0;
    const good = plainScript('flaky', READY);
    const flaky: ManagedProcess = {
      ...good,
      launch: (report, signal) => {
        launches++;
        return launches === 2 ? Promise.reject(new Error('out of memory')) : good.launch(report, signal);
      },
    };
    const details: (string | undefined)[] = [];
    const supervisor = await start([flaky], { onStatus: ({ detail }) => void details.push(detail) });
    supervisor.kill('flaky', 'SIGKILL');
    await supervisor.waitUntilReady();
    expect(launches).toBe(3);
    expect(details).toContain('out of memory');
  });

  test('leaves nothing behind that a killed process had started', async () => {
    const parent = plainScript(
      'parent',
      `import { spawn } from 'node:child_process';
       console.log(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']).pid); ${READY}`,
    );
    const lines: string[] = [];
    const supervisor = await start([parent], { onLine: (_, line) => void lines.push(line) });
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    const grandchild = Number(lines[0]);
    expect(processStart(grandchild)).toBeDefined();
    supervisor.kill('parent', 'SIGKILL');
    await vi.waitFor(() => expect(processStart(grandchild)).toBeUndefined());
  });
});

describe('stopping', () => {
  test('lets a process drain', async () => {
    const drained = join(stateDir, 'drained');
    const child = childScript('child', { stop: `await sleep(300); appendFileSync(${JSON.stringify(drained)}, 'x');` });
    const supervisor = await start([child]);
    await supervisor.stop();
    expect(existsSync(drained)).toBe(true);
  });

  test('kills one that ignores its signal after its limit', async () => {
    const stubborn = plainScript('stubborn', `process.on('SIGTERM', () => {}); ${READY}`, { stopLimitMs: 200 });
    const supervisor = await start([stubborn]);
    const pid = pidOf(supervisor, 'stubborn');
    await supervisor.stop();
    expect(processStart(pid)).toBeUndefined();
  });

  test('kills all at once when forced, also in the middle of a drain', async () => {
    const [stop, force] = [new AbortController(), new AbortController()];
    const stubborn = plainScript('stubborn', `process.on('SIGTERM', () => console.log('no')); ${READY}`, {
      stopLimitMs: 60_000,
    });
    const onLine = (_: string, line: string): void => {
      if (line === 'no') force.abort();
    };
    const supervisor = await start([stubborn], { stop: stop.signal, force: force.signal, onLine });
    stop.abort();
    await supervisor.stopped;
    expect(supervisor.status()[0]?.state).toBe('stopped');
  });
});
