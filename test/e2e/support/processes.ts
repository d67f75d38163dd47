import { execFileSync } from 'node:child_process';

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** The processes that `pid` started, directly or not, by `ps` as of POSIX. */
export function descendantsOf(pid: number): RunningProcess[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, child, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return command === undefined ? [] : [{ pid: Number(child), parent: Number(parent), command }];
    });
  const below = (parent: number): RunningProcess[] =>
    rows
      .filter((row) => row.parent === parent)
      .flatMap((row) => [{ pid: row.pid, command: row.command }, ...below(row.pid)]);
  return below(pid);
}

/** The processes that run models for `pid`: a fleet's or an agent's. */
export function runnersOf(pid: number): number[] {
  return descendantsOf(pid)
    .filter(({ command }) => command.includes('runnerProcess'))
    .map((runner) => runner.pid);
}

/** Zombies count as gone: their parent has only not asked yet. */
export function isAlive(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return state !== '' && !state.startsWith('Z');
  } catch {
    return false;
  }
}
