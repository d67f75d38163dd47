import { setTimeout as sleep } from 'node:timers/promises';
import { NightshiftError } from '../../../domain/errors.ts';
import { messageOf } from '../../../domain/thrown.ts';
import type { LogFile } from './logFile.ts';
import { RESTART_BACKOFF, type ManagedProcess, type ProcessState, type ProcessStatus } from './managedProcess.ts';
import type { PidFiles } from './pidFiles.ts';
import { startChild, type RunningChild } from './runningChild.ts';

export interface KeeperPorts {
  readonly pidFiles: PidFiles;
  readonly log: LogFile;
  readonly onLine: (name: string, line: string) => void;
  readonly onStatus: (status: ProcessStatus) => void;
}

/** Keeps one process running: starts it, waits until it is ready, starts it again when it dies, stops it. */
export class Keeper {
  readonly #spec: ManagedProcess;
  readonly #ports: KeeperPorts;
  readonly #stopping = new AbortController();
  #status: ProcessStatus;
  #child: RunningChild | undefined;
  #running: Promise<void> | undefined;

  constructor(spec: ManagedProcess, ports: KeeperPorts) {
    this.#spec = spec;
    this.#ports = ports;
    this.#status = { name: spec.name, state: 'waiting', pid: undefined, restarts: 0, detail: undefined };
  }

  get status(): ProcessStatus {
    return this.#status;
  }

  /**
   * Starts the process and resolves once it is ready. From then on it is started again whenever it dies; a first start
   * that fails is not tried again, since a wrong setting stays wrong.
   * @throws NightshiftError `unavailable` with the last lines of its log, or what its preparation threw
   */
  async start(): Promise<void> {
    const starting = this.#startOnce();
    this.#running = starting.then(
      (child) => this.#keepRunning(child),
      () => {},
    );
    await starting;
  }

  kill(signal: NodeJS.Signals): void {
    // Not only when its end is noticed: else who kills it and then waits until all is ready would not wait.
    if (signal === 'SIGKILL') this.#enter('restarting', 'killed on request');
    this.#child?.kill(signal);
  }

  /** Drains and stops it, by force after its limit. It is not started again. */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error(`${this.#spec.name} is being stopped`));
    const child = this.#child;
    if (child !== undefined) {
      this.#enter('stopping');
      await child.stop(this.#spec.stopSignal, this.#spec.stopLimitMs, force);
    }
    await this.#running;
    this.#enter('stopped');
    this.#ports.log.close();
  }

  async #keepRunning(first: RunningChild): Promise<void> {
    let child: RunningChild | undefined = first;
    let readySinceMs = Date.now();
    let backoffMs: number = RESTART_BACKOFF.firstMs;
    while (!this.#stopping.signal.aborted) {
      if (child !== undefined) {
        const ending = await child.ended;
        if (this.#stopping.signal.aborted) return;
        this.#enter('restarting', ending);
        if (Date.now() - readySinceMs >= RESTART_BACKOFF.resetAfterMs) backoffMs = RESTART_BACKOFF.firstMs;
      }
      try {
        await sleep(backoffMs, undefined, { signal: this.#stopping.signal });
        backoffMs = Math.min(backoffMs * RESTART_BACKOFF.factor, RESTART_BACKOFF.maxMs);
        this.#status = { ...this.#status, restarts: this.#status.restarts + 1 };
        child = await this.#startOnce();
        readySinceMs = Date.now();
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        child = undefined;
        this.#enter('restarting', messageOf(error));
      }
    }
  }

  /** Resolves with the child once it is ready; when that fails, no child is left. */
  async #startOnce(): Promise<RunningChild> {
    const { name, recover, launch, ready, readyLimitMs, stopSignal } = this.#spec;
    const { signal } = this.#stopping;
    const report = (detail: string): void => this.#enter('preparing', detail);

    signal.throwIfAborted();
    this.#enter('preparing');
    await recover?.(report);
    const command = await launch(report, signal);
    signal.throwIfAborted();

    const child = startChild(command, {
      deathSignal: stopSignal,
      ipc: ready === 'message',
      onLine: (line) => {
        this.#ports.log.write(line);
        this.#ports.onLine(name, line);
      },
    });
    this.#child = child;
    if (child.pid !== undefined) this.#ports.pidFiles.record(name, child.pid, stopSignal);
    void child.ended.then(() => {
      this.#ports.pidFiles.forget(name);
      this.#child = undefined;
    });
    this.#enter('starting');

    const failure = await child.whenReady(ready, readyLimitMs);
    if (failure !== undefined) {
      child.kill('SIGKILL');
      await child.ended;
      signal.throwIfAborted();
      throw new NightshiftError('unavailable', `${name} did not start: ${failure}${child.lastLines()}`);
    }
    if (!signal.aborted) this.#enter('ready');
    return child;
  }

  #enter(state: ProcessState, detail?: string): void {
    this.#status = { ...this.#status, state, pid: this.#child?.pid, detail };
    this.#ports.onStatus(this.#status);
  }
}
