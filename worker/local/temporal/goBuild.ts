import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { MINUTE_MS } from '../../../domain/durations.ts';
import { withDeathSignal } from '../supervisor/deathSignal.ts';
import type { Report } from '../supervisor/managedProcess.ts';
import { codeOf, messageOf } from '../../../domain/thrown.ts';
import { compareVersions, PINNED_CLI_VERSION } from './version.ts';

const MIN_GO_VERSION = '1.25';
const PACKAGE = `github.com/temporalio/cli/cmd/temporal@v${PINNED_CLI_VERSION}`;
const REPORT_EVERY_MS = 10_000;
const BUILD_LIMIT_MS = 30 * MINUTE_MS;
const KEPT_LINES = 5;

export interface GoBuildOptions {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * Builds the pinned release with the Go toolchain on PATH; Go's checksum database vouches for the source. Takes about
 * three minutes on two cores and 2 GB of disk in Go's own caches.
 * @throws Error with the reason
 */
export async function buildWithGo({ folder, environment, report, signal }: GoBuildOptions): Promise<void> {
  // A cross-compiling shell would make `go install` refuse GOBIN.
  const { GOOS: _os, GOARCH: _arch, ...inherited } = environment;
  const env = { ...inherited, GOBIN: folder, CGO_ENABLED: '0' };
  const version = await goVersion(env);
  if (compareVersions(version, MIN_GO_VERSION) < 0) {
    throw new Error(`the Go toolchain is ${version}, and ${MIN_GO_VERSION} or newer is needed`);
  }

  const startedMs = Date.now();
  let packages = 0;
  const tellProgress = (): void => {
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    report(`building Temporal with Go ${version}, about 3 minutes: ${packages} steps done in ${seconds} s`);
  };
  tellProgress();
  const progress = setInterval(tellProgress, REPORT_EVERY_MS);
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(BUILD_LIMIT_MS)]);
    await run(['install', '-v', '-trimpath', '-ldflags', '-s -w', PACKAGE], env, limited, () => packages++);
  } finally {
    clearInterval(progress);
  }
}

async function goVersion(env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('go', ['version'], { env });
    const version = /go(\d+\.\d+(\.\d+)?)/.exec(stdout)?.[1];
    if (version === undefined) throw new Error(`go version says ${JSON.stringify(stdout.trim())}`);
    return version;
  } catch (error) {
    throw new Error(codeOf(error) === 'ENOENT' ? 'there is no Go toolchain on PATH' : messageOf(error), {
      cause: error,
    });
  }
}

/** With -v, Go prints a line for each module that it fetches and each package that it compiles. */
function run(args: string[], env: NodeJS.ProcessEnv, signal: AbortSignal, onLine: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const last: string[] = [];
    const watched = withDeathSignal('SIGTERM', 'go', args);
    const go = spawn(watched.command, watched.args, { env, signal, stdio: ['ignore', 'ignore', 'pipe'] });
    createInterface({ input: go.stderr }).on('line', (line) => {
      last.push(line);
      if (last.length > KEPT_LINES) last.shift();
      onLine();
    });
    go.once('error', reject);
    go.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go install ended with code ${code}: ${last.join(' | ')}`));
    });
  });
}
