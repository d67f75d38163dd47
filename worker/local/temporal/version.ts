import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../../domain/thrown.ts';

/**
 * The release that we fetch and build. The last whose Go module has no `replace`, which `go install` refuses.
 * A new pin needs: the state of the old server opened by the new one, and the whole test suite.
 */
export const PINNED_CLI_VERSION = '1.5.1';
export const PINNED_SERVER_VERSION = '1.29.1';

const VERSION_LIMIT_MS = 20_000;

/** The server inside a `temporal` binary. The CLI's own version is not looked at: a built one says 0.0.0-DEV. */
async function serverVersionOf(executable: string): Promise<string> {
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)(executable, ['--version'], { timeout: VERSION_LIMIT_MS }));
  } catch (error) {
    throw new Error(`${executable} --version failed: ${messageOf(error)}`, { cause: error });
  }
  const version = /\(Server (\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (version === undefined)
    throw new Error(`${executable} is no Temporal CLI: it says ${JSON.stringify(output.trim())}`);
  return version;
}

/** @throws Error when the server lacks what we use (worker versioning, priority, the new matcher) */
export async function assertNewEnough(executable: string): Promise<void> {
  const version = await serverVersionOf(executable);
  if (compareVersions(version, PINNED_SERVER_VERSION) < 0) {
    throw new Error(`${executable} has server ${version}, older than ${PINNED_SERVER_VERSION}`);
  }
}

/** @throws Error unless it is the pinned release */
export async function assertPinned(executable: string): Promise<void> {
  const version = await serverVersionOf(executable);
  if (version !== PINNED_SERVER_VERSION) {
    throw new Error(`it has server ${version}, not the pinned ${PINNED_SERVER_VERSION}`);
  }
}

/** Negative when `a` is older than `b`. Versions are dotted numbers. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
