import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createPidFiles } from '../../../../worker/local/supervisor/pidFiles.ts';
import { processStart } from '../../../../worker/local/supervisor/processStart.ts';
import { startSupervisor } from '../../../../worker/local/supervisor/supervisor.ts';
import { plainScript, READY, supervisorScript, temporaryFolder } from './scripts.ts';

const statusSchema = z.array(z.object({ pid: z.number() }));

/** Runs a supervisor in a process of its own and resolves once its processes are ready. */
async function runSupervisor(stateDir: string, bodies: Record<string, string>) {
  const processes = await Promise.all(
    Object.entries(bodies).map(async ([name, body]) => {
      const { args } = await plainScript(name, body).launch(() => {}, new AbortController().signal);
      return { name, script: String(args[0]) };
    }),
  );
  const supervisor = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), supervisorScript(stateDir, processes)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line]: unknown[] = await once(createInterface({ input: supervisor.stdout }), 'line');
  const pids = statusSchema.parse(JSON.parse(String(line))).map(({ pid }) => pid);
  return { supervisor, pids };
}

test('leaves no process behind when it is killed with -9', async () => {
  const { supervisor, pids } = await runSupervisor(temporaryFolder(), { obedient: READY });
  supervisor.kill('SIGKILL');
  await vi.waitFor(() => expect(pids.map(processStart)).toEqual([undefined]), { timeout: 5_000 });
});

test('stops at the next start what was left running', async () => {
  const stateDir = temporaryFolder();
  // Ignores whatever it is sent when its parent dies, and also that it can speak to nobody any more.
  const stubborn = `process.on('SIGTERM', () => {});
    process.send({ kind: 'ready' }); setInterval(() => {}, 1000);`;
  const { supervisor, pids } = await runSupervisor(stateDir, { stubborn });
  supervisor.kill('SIGKILL');
  await once(supervisor, 'exit');
  const [pid = 0] = pids;
  expect(processStart(pid)).toBeDefined();
  const orphans: number[] = [];
  const next = await startSupervisor({ stateDir, processes: [], onOrphan: (orphan) => void orphans.push(orphan.pid) });
  await next.stop();
  expect(orphans).toEqual([pid]);
  expect(processStart(pid)).toBeUndefined();
});

test('drains everything at SIGINT and exits', async () => {
  const stateDir = temporaryFolder();
  const { supervisor, pids } = await runSupervisor(stateDir, { one: READY, two: READY });
  supervisor.kill('SIGINT');
  expect(await once(supervisor, 'exit')).toEqual([0, null]);
  expect(pids.map(processStart)).toEqual([undefined, undefined]);
  expect(readdirSync(join(stateDir, 'run'))).toEqual([]);
});

test('does not touch a process that has got the pid of one that is gone', async () => {
  const stateDir = temporaryFolder();
  mkdirSync(join(stateDir, 'run'));
  const path = join(stateDir, 'run', 'worker.pid');
  writeFileSync(path, JSON.stringify({ pid: process.pid, start: 'another boot/1', stopSignal: 'SIGTERM' }));
  expect(await createPidFiles(stateDir).sweep()).toEqual([]);
  expect(() => readFileSync(path)).toThrow('ENOENT');
});

test('takes over the lock of a supervisor that is gone', async () => {
  const stateDir = temporaryFolder();
  writeFileSync(join(stateDir, 'supervisor.7.lock'), JSON.stringify({ pid: process.pid, start: 'another boot/1' }));
  const supervisor = await startSupervisor({ stateDir, processes: [] });
  expect(readdirSync(stateDir).filter((name) => name.endsWith('.lock'))).toEqual(['supervisor.8.lock']);
  await supervisor.stop();
});
