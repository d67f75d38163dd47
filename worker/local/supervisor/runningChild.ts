import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageOf } from '../../../domain/thrown.ts';
import { childMessageSchema } from './child.ts';
import { withDeathSignal } from './deathSignal.ts';
import type { Launch, ManagedProcess } from './managedProcess.ts';
import { signalIfRunning, type StopSignal } from './pidFiles.ts';

const KEPT_LINES = 20;
/** How long the last output of a process that has exited may take to arrive. */
const OUTPUT_LIMIT_MS = 250;

export interface RunningChild {
  readonly pid: number | undefined;
  /** Resolves with words for how it ended; never rejects. */
  readonly ended: Promise<string>;
  /** Resolves with undefined once it is ready, with the reason when it exits, fails or takes longer than the limit. */
  whenReady(ready: ManagedProcess['ready'], limitMs: number): Promise<string | undefined>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once it has ended: by the signal, or by SIGKILL after the limit or when `force` aborts. */
  stop(signal: StopSignal, limitMs: number, force: AbortSignal): Promise<void>;
  /** The end of its output, to be appended to a message. */
  lastLines(): string;
}

export interface ChildOptions {
  readonly deathSignal: StopSignal;
  /** Whether the child is one of ours, which speaks over IPC and exits when that closes. */
  readonly ipc: boolean;
  readonly onLine: (line: string) => void;
}

/** Starts a process in a process group of its own, so that a Ctrl-C at the terminal reaches only the supervisor. */
export function startChild(launch: Launch, { deathSignal, ipc, onLine }: ChildOptions): RunningChild {
  const { command, args } = withDeathSignal(deathSignal, launch.command, launch.args);
  const child = spawn(command, args, {
    env: launch.env,
    ...(launch.cwd === undefined ? {} : { cwd: launch.cwd }),
    ...launch.account,
    detached: true,
    stdio: ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      onLine(line);
    });
  }
  const said = listenForMessages(child);
  const ended = endOf(child);

  return {
    pid: child.pid,
    ended,
    kill: (signal) => child.kill(signal),
    lastLines: () => lines.map((line) => `\n    ${line}`).join(''),

    async whenReady(ready, limitMs) {
      const over = new AbortController();
      const check = ready === 'message' ? said : ready(over.signal).then(() => undefined, messageOf);
      const limit = sleep(limitMs, `not ready within ${limitMs / 1000} s`, { signal: over.signal }).then(
        async (failure) => {
          over.abort();
          return ready === 'message' ? failure : `${failure}: ${await check}`;
        },
      );
      try {
        return await Promise.race([check, ended, limit]);
      } finally {
        over.abort();
      }
    },

    async stop(signal, limitMs, force) {
      const done = new AbortController();
      const forced = new Promise<void>((resolve) => {
        if (force.aborted) resolve();
        force.addEventListener('abort', () => resolve(), { once: true, signal: done.signal });
      });
      child.kill(force.aborted ? 'SIGKILL' : signal);
      const limit = sleep(limitMs, undefined, { signal: done.signal }).catch(() => {});
      await Promise.race([ended, limit, forced]);
      child.kill('SIGKILL');
      await ended;
      done.abort();
    },
  };
}

/** Resolves when the child says that it is ready, or with the reason when it says that it failed. */
function listenForMessages(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      const parsed = childMessageSchema.safeParse(message);
      if (parsed.success) resolve(parsed.data.kind === 'failed' ? parsed.data.reason : undefined);
    });
  });
}

async function endOf(child: ChildProcess): Promise<string> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ending = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`it could not be run: ${codeOf(error) ?? messageOf(error)}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `it exited with code ${code}` : `it died of ${signal}`),
    );
  });
  killGroup(child.pid);
  // Processes that it left behind may hold its output open for ever, so 'close' is not waited for without a limit.
  await Promise.race([closed, sleep(OUTPUT_LIMIT_MS, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return ending;
}

/** What a process leaves in its group when it is killed would otherwise run on without an owner. */
function killGroup(pid: number | undefined): void {
  if (pid !== undefined && process.platform !== 'win32') signalIfRunning(-pid, 'SIGKILL');
}
