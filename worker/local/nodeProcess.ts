import { MINUTE_MS } from '../../domain/durations.ts';
import { childEntry } from '../../inference/childEntry.ts';
import type { ManagedProcess } from './supervisor/managedProcess.ts';
import type { PortClaim } from './supervisor/ports.ts';

export interface NodeProcessOptions {
  readonly name: string;
  /** Its main, relative to worker/local and without an ending; it calls `runChild`. */
  readonly main: string;
  readonly ports?: readonly PortClaim[];
  /** Read at each start. */
  readonly environment: () => NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stopLimitMs?: number;
}

/** A process of ours. */
export function nodeProcess(options: NodeProcessOptions): ManagedProcess {
  const { name, main, ports = [], environment, cwd, stopLimitMs = 3_000 } = options;
  return {
    name,
    ports,
    async launch() {
      const { modulePath, execArgv } = childEntry(import.meta.url, main);
      return { command: process.execPath, args: [...execArgv, modulePath], env: environment(), cwd };
    },
    ready: 'message',
    readyLimitMs: MINUTE_MS,
    stopSignal: 'SIGTERM',
    stopLimitMs,
  };
}
