import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goneWithin, signalIfRunning } from '../supervisor/pidFiles.ts';
import { processStart } from '../supervisor/processStart.ts';

/** SIGINT: disconnects clients and shuts down cleanly. SIGQUIT: at once, with recovery at the next start. */
const STEPS = [
  { signal: 'SIGINT', limitMs: 5_000 },
  { signal: 'SIGQUIT', limitMs: 3_000 },
  { signal: 'SIGKILL', limitMs: 3_000 },
] as const;

/**
 * Stops the server that an earlier run left on this data folder, which would otherwise refuse a second one. When the pid
 * that it left behind belongs to another program by now, the stale file is removed, since PostgreSQL would refuse too.
 * @returns the pid of the server that was stopped
 */
export async function stopLeftover(dataDir: string): Promise<number | undefined> {
  const pidFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return undefined;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  const start = Number.isNaN(pid) ? undefined : processStart(pid);
  if (start === undefined || !servesFolder(pid, dataDir)) {
    rmSync(pidFile, { force: true });
    return undefined;
  }
  for (const { signal, limitMs } of STEPS) {
    signalIfRunning(pid, signal);
    if (await goneWithin(limitMs, () => processStart(pid) === start)) break;
  }
  return pid;
}

/** PostgreSQL works in its data folder, and has it in its command line. */
function servesFolder(pid: number, dataDir: string): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir);
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(dataDir);
  } catch {
    return false;
  }
}
