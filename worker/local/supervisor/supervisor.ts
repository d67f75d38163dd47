import { join } from 'node:path';
import { NightshiftError } from '../../../domain/errors.ts';
import { Keeper } from './keeper.ts';
import { openLogFile } from './logFile.ts';
import type { ManagedProcess, ProcessStatus } from './managedProcess.ts';
import { createPidFiles, type Orphan } from './pidFiles.ts';
import { assertPortsFree } from './ports.ts';
import { lockStateDir } from './stateLock.ts';

export interface SupervisorOptions {
  /** Holds the lock, `run/<name>.pid` and `logs/<name>.log`. */
  readonly stateDir: string;
  /** Started in this order, each when the one before is ready; stopped in the opposite order. */
  readonly processes: readonly ManagedProcess[];
  readonly onLine?: ((name: string, line: string) => void) | undefined;
  readonly onStatus?: ((status: ProcessStatus) => void) | undefined;
  /** What an earlier supervisor that was killed had left running, and that has been stopped now. */
  readonly onOrphan?: ((orphan: Orphan) => void) | undefined;
  /** Drains and stops everything, also in the middle of the start. */
  readonly stop?: AbortSignal | undefined;
  /** Kills everything. */
  readonly force?: AbortSignal | undefined;
}

export interface Supervisor {
  status(): readonly ProcessStatus[];
  /** Resolves when every process is ready (again). @throws NightshiftError `unavailable` when it is being stopped */
  waitUntilReady(): Promise<void>;
  /** Sends a signal to one process, e.g. to see it come back. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Drains and stops everything; each process has its own limit. */
  stop(): Promise<void>;
  /** Resolves when everything has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
}

/**
 * Starts the processes and keeps them running until it is stopped.
 * @throws NightshiftError `state_folder_in_use`, `port_in_use`, `unavailable`, or what a preparation threw; all that had
 *   been started is stopped then. Throws the reason of `options.stop` when that aborts during the start.
 */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { stateDir, processes, onLine, onStatus, onOrphan, stop, force = new AbortController().signal } = options;
  const unlock = lockStateDir(stateDir);
  const pidFiles = createPidFiles(stateDir);
  const changed = new EventTarget();
  const keepers = processes.map(
    (spec) =>
      new Keeper(spec, {
        pidFiles,
        log: openLogFile(join(stateDir, 'logs', `${spec.name}.log`)),
        onLine: onLine ?? (() => {}),
        onStatus: (status) => {
          onStatus?.(status);
          changed.dispatchEvent(new Event('status'));
        },
      }),
  );

  let stopping: Promise<void> | undefined;
  const stopped = new Promise<void>((resolve) => changed.addEventListener('stopped', () => resolve(), { once: true }));
  const stopAll = async (): Promise<void> => {
    try {
      for (const keeper of keepers.toReversed()) await keeper.stop(force);
    } finally {
      unlock();
      changed.dispatchEvent(new Event('stopped'));
    }
  };
  const stopOnce = (): Promise<void> => (stopping ??= stopAll());
  for (const signal of [stop, force]) signal?.addEventListener('abort', () => void stopOnce(), { once: true });

  try {
    for (const orphan of await pidFiles.sweep()) onOrphan?.(orphan);
    for (const { name, recover } of processes) await recover?.((line) => onLine?.(name, line));
    await assertPortsFree(processes.flatMap(({ ports }) => ports));
    stop?.throwIfAborted();
    for (const keeper of keepers) await keeper.start();
  } catch (error) {
    await stopOnce();
    stop?.throwIfAborted();
    throw error;
  }

  return {
    status: () => keepers.map(({ status }) => status),
    kill(name, signal) {
      const keeper = keepers.find(({ status }) => status.name === name);
      if (keeper === undefined) throw new NightshiftError('not_found', `No process is called ${name}.`);
      keeper.kill(signal);
    },
    stop: stopOnce,
    stopped,
    async waitUntilReady() {
      while (!keepers.every(({ status }) => status.state === 'ready')) {
        if (stopping !== undefined) throw new NightshiftError('unavailable', 'The stack is being stopped.');
        await new Promise((resolve) => changed.addEventListener('status', resolve, { once: true }));
      }
    },
  };
}
