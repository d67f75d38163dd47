import type { StopSignal } from './pidFiles.ts';
import type { PortClaim } from './ports.ts';

/** One process of the stack, and how to start, watch and stop it. */
export interface ManagedProcess {
  readonly name: string;
  /** Checked before anything is started. */
  readonly ports: readonly PortClaim[];
  /** Clears what an earlier run left behind in a way that the pid files cannot know of. Called before every start. */
  readonly recover?: (report: Report) => Promise<void>;
  /** Prepares the start, which may take minutes, and names the command. Called before every start. */
  readonly launch: (report: Report, signal: AbortSignal) => Promise<Launch>;
  /**
   * `message`: ready when it says so over IPC (worker/local/supervisor/child.ts). Else resolves once the process can be used;
   * the signal aborts when it has exited.
   */
  readonly ready: 'message' | ((signal: AbortSignal) => Promise<void>);
  readonly readyLimitMs: number;
  /** Makes it drain and exit. Also what the kernel sends when the supervisor dies. */
  readonly stopSignal: StopSignal;
  /** It is killed when it has not exited by then. */
  readonly stopLimitMs: number;
}

/** Tells a person what takes long. */
export type Report = (detail: string) => void;

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Runs as this user; needs root. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

export type ProcessState = 'waiting' | 'preparing' | 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped';

export interface ProcessStatus {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid: number | undefined;
  /** Times that it was started again after it had died. */
  readonly restarts: number;
  /** What it is doing now, or why it died. */
  readonly detail: string | undefined;
}

/** Between restarts: 0.2 s, doubled up to 10 s; from the start again once it has been ready for 30 s. */
export const RESTART_BACKOFF = { firstMs: 200, factor: 2, maxMs: 10_000, resetAfterMs: 30_000 } as const;
