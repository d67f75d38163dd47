import { fork, type ChildProcess } from 'node:child_process';
import { childEntry } from '../childEntry.ts';
import type { Launcher } from './launcher.ts';
import { PausableTimeout } from './pausableTimeout.ts';
import type { RunnerReply, RunnerRequest } from './protocol.ts';

/** The process ended, or did not answer in time and was killed. Whatever it computed is lost. */
export class RunnerCrash extends Error {
  override readonly name = 'RunnerCrash';
}

const STDERR_TAIL_CHARS = 2_000;

interface PendingReply {
  readonly resolve: (reply: RunnerReply) => void;
  readonly reject: (crash: RunnerCrash) => void;
  readonly limit: PausableTimeout;
}

/**
 * One life of the forked process. Requests are answered in order; the one under way has a limit, which stands still
 * while the process is paused.
 */
export class RunnerChild {
  readonly #process: ChildProcess;
  readonly exited: Promise<void>;
  readonly #pending: PendingReply[] = [];
  #crash: RunnerCrash | undefined;
  #paused = false;
  #stderrTail = '';

  constructor(launcher: Launcher) {
    const entry = childEntry(import.meta.url, 'runnerProcess');
    this.#process = fork(entry.modulePath, [], {
      execPath: launcher.execPath,
      execArgv: [...launcher.execArgv, ...entry.execArgv],
      // Models are not trusted with the agent's credentials.
      env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Tensors hold whole numbers beyond 2^53, as bigints.
      serialization: 'advanced',
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-STDERR_TAIL_CHARS);
    });
    this.#process.on('message', (reply: RunnerReply) => this.#answer(reply));
    this.exited = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        this.#fail(`The runner's process could not be started: ${error.message}`);
        resolve();
      });
      this.#process.once('exit', (code, signal) => {
        const tail = this.#stderrTail.trim();
        this.#fail(`The runner's process ended (${signal ?? `code ${code}`})${tail ? `: ${tail}` : '.'}`);
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return this.#crash === undefined;
  }

  /** @throws RunnerCrash */
  async ask(request: RunnerRequest, limitMs: number): Promise<RunnerReply> {
    if (this.#crash !== undefined) throw this.#crash;
    return await new Promise((resolve, reject) => {
      const limit = new PausableTimeout(limitMs, () => {
        this.#fail(`The runner did not answer "${request.type}" within ${limitMs} ms.`);
        this.kill();
      });
      this.#pending.push({ resolve, reject, limit });
      this.#startLimit();
      // A failed send means that the process is gone; its exit event tells why.
      this.#process.send(request, () => {});
    });
  }

  /** Stops the process where it is, in the middle of a run too. */
  pause(): void {
    this.#paused = true;
    this.#process.kill('SIGSTOP');
    this.#pending[0]?.limit.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#process.kill('SIGCONT');
    this.#startLimit();
  }

  /** Ends the process, paused or not, and answers the open request with a crash. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Of the request under way. */
  #startLimit(): void {
    if (!this.#paused) this.#pending[0]?.limit.resume();
  }

  #answer(reply: RunnerReply): void {
    const answered = this.#pending.shift();
    answered?.limit.clear();
    answered?.resolve(reply);
    this.#startLimit();
  }

  #fail(message: string): void {
    this.#crash ??= new RunnerCrash(message);
    for (const pending of this.#pending.splice(0)) {
      pending.limit.clear();
      pending.reject(this.#crash);
    }
  }
}
