import { spawnSync } from 'node:child_process';

/** By its path, since the command's environment may have another PATH than ours. */
const SETPRIV = '/usr/bin/setpriv';

let supported: boolean | undefined;

/**
 * The command line that makes the kernel send `signal` to the command when we die, even by kill -9. Linux with util-linux
 * only; elsewhere the command line as it is, and the pid files are swept at the next start.
 *
 * setpriv runs after the change of user, since that change clears the setting, and execs: the pid stays the same.
 */
export function withDeathSignal(
  signal: NodeJS.Signals,
  command: string,
  args: readonly string[],
): { command: string; args: readonly string[] } {
  // BusyBox has a setpriv without this option, so it is tried once.
  supported ??=
    process.platform === 'linux' &&
    spawnSync(SETPRIV, ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
  if (!supported) return { command, args };
  return { command: SETPRIV, args: ['--pdeathsig', signal.replace('SIG', ''), '--', command, ...args] };
}
