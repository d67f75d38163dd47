import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How the runner's process is started: `execPath` with `execArgv` before the module, as child_process.fork takes it. */
export interface Launcher {
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

/** By their limits: the machine's tools do not change while we run, and a process may hold many cars. */
const launchers = new Map<string, Promise<Launcher>>();

/**
 * Wraps Node in the system's own tools where they exist: limits on private memory and processor time, low priority, and
 * death with the parent, which also reaches a stopped process. A tool that is missing or refuses is left out; then the
 * process still ends when its parent's channel closes, unless it is stopped.
 */
export async function findLauncher(memoryLimitBytes: number, cpuLimitSeconds?: number): Promise<Launcher> {
  const limits = [`--data=${memoryLimitBytes}`, ...(cpuLimitSeconds === undefined ? [] : [`--cpu=${cpuLimitSeconds}`])];
  const key = limits.join(' ');
  const known = launchers.get(key) ?? probe(limits);
  launchers.set(key, known);
  return await known;
}

async function probe(limits: readonly string[]): Promise<Launcher> {
  const wrappers = [
    ['prlimit', ...limits],
    ['nice', '-n', '10'],
    ['setpriv', '--pdeathsig', 'KILL'],
  ];
  const works = process.platform === 'linux' ? await Promise.all(wrappers.map(canStart)) : wrappers.map(() => false);
  const [execPath, ...execArgv] = [...wrappers.filter((_, index) => works[index]).flat(), process.execPath];
  return { execPath: execPath ?? process.execPath, execArgv };
}

async function canStart(wrapper: readonly string[]): Promise<boolean> {
  const [tool = '', ...args] = wrapper;
  try {
    await run(tool, [...args, process.execPath, '--version']);
    return true;
  } catch {
    return false;
  }
}
