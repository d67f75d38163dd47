import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ManagedProcess } from '../../../../worker/local/supervisor/managedProcess.ts';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'nightshift-supervisor-'));

const TSX = import.meta.resolve('tsx');
const SUPERVISOR_FOLDER = new URL('../../../../worker/local/supervisor/', import.meta.url).href;

/** A process that is ready when it says so, written as plain JavaScript: the fastest to start. */
export function plainScript(name: string, body: string, options: Partial<ManagedProcess> = {}): ManagedProcess {
  const path = join(temporaryFolder(), `${name}.mjs`);
  writeFileSync(path, body);
  return processOf(name, [path], options);
}

/** A process whose main calls the real `runChild`; `start` and `stop` are bodies of async functions. */
export function childScript(
  name: string,
  { start = '', stop = '' },
  options: Partial<ManagedProcess> = {},
): ManagedProcess {
  const path = join(temporaryFolder(), `${name}.mts`);
  writeFileSync(
    path,
    `import { runChild } from '${SUPERVISOR_FOLDER}child.ts';
     import { appendFileSync } from 'node:fs';
     import { setTimeout as sleep } from 'node:timers/promises';
     setInterval(() => {}, 1000);
     runChild({ start: async () => { ${start} }, stop: async () => { ${stop} }, stopLimitMs: 1500 });`,
  );
  return processOf(name, ['--import', TSX, path], options);
}

export const READY = `process.send({ kind: 'ready' }); setInterval(() => {}, 1000); process.on('disconnect', () => process.exit());`;

function processOf(name: string, args: string[], options: Partial<ManagedProcess>): ManagedProcess {
  return {
    name,
    ports: [],
    launch: async () => ({ command: process.execPath, args, env: process.env }),
    ready: 'message',
    readyLimitMs: 20_000,
    stopSignal: 'SIGTERM',
    stopLimitMs: 3_000,
    ...options,
  };
}

/** A module that starts a supervisor over `processes` and prints its status as JSON lines; it is killed from outside. */
export function supervisorScript(stateDir: string, processes: readonly { name: string; script: string }[]): string {
  const path = join(temporaryFolder(), 'supervisor.mts');
  writeFileSync(
    path,
    `import { startSupervisor } from '${SUPERVISOR_FOLDER}supervisor.ts';
     import { listenForStopSignals } from '${SUPERVISOR_FOLDER}stopSignals.ts';
     const signals = listenForStopSignals();
     const processes = ${JSON.stringify(processes)}.map(({ name, script }) => ({
       name, ports: [], ready: 'message', readyLimitMs: 20000, stopSignal: 'SIGTERM', stopLimitMs: 3000,
       launch: async () => ({ command: process.execPath, args: [script], env: process.env }),
     }));
     const supervisor = await startSupervisor({ stateDir: ${JSON.stringify(stateDir)}, processes, ...signals });
     console.log(JSON.stringify(supervisor.status()));
     await supervisor.stopped;
     signals.close();`,
  );
  return path;
}
