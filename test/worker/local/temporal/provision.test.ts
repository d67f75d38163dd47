import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig, type Config } from '../../../../config/config.ts';
import { fetchArchive } from '../../../../worker/local/temporal/archive.ts';
import { provisionTemporal } from '../../../../worker/local/temporal/provision.ts';
import { targetOf } from '../../../../worker/local/temporal/target.ts';
import { PINNED_CLI_VERSION, PINNED_SERVER_VERSION } from '../../../../worker/local/temporal/version.ts';
import { freePort } from '../../../support/freePorts.ts';
import {
  archiveOf,
  fakeTemporal,
  serveArchive,
  temporaryFolder,
  writeProgram,
  type ArchiveServer,
} from './archiveServer.ts';

const GOOD = fakeTemporal(PINNED_SERVER_VERSION);
const TARGET = targetOf(process.platform, process.arch);
/** Nothing listens there, as on a machine without a network. */
const NOWHERE = `http://127.0.0.1:${await freePort()}/cli/archive`;

let home: string;
let bin: string;
let server: ArchiveServer | undefined;
let reports: string[];
beforeEach(() => {
  home = temporaryFolder();
  bin = join(home, 'bin');
  server = undefined;
  reports = [];
});
afterEach(() => server?.close());

/** A config whose PATH holds nothing but what the test puts into `bin`. */
function configure(archiveUrl = NOWHERE, more: NodeJS.ProcessEnv = {}): Config {
  const env = {
    PATH: bin,
    NIGHTSHIFT_CACHE_DIR: join(home, 'cache'),
    NIGHTSHIFT_TEMPORAL_ARCHIVE_URL: archiveUrl,
    ...more,
  };
  return loadConfig({ env, cwd: home });
}

const provision = (config: Config, signal = new AbortController().signal): Promise<string> =>
  provisionTemporal(config, (line) => void reports.push(line), signal);

const serve = async (answer: RequestListener): Promise<string> => (server = await serveArchive(answer)).baseUrl;
const serveGood = (): Promise<string> => serve((_, response) => response.end(archiveOf(GOOD)));

const cached = join('cache', 'temporal', `${PINNED_CLI_VERSION}-${TARGET.os}-${TARGET.arch}`, TARGET.programName);
const cacheListing = (): string[] => readdirSync(join(home, 'cache', 'temporal'));

/** A Go toolchain whose `install` runs `install`, a shell script. */
function writeGo(install: string, version = 'go1.26.1'): void {
  writeProgram(
    bin,
    'go',
    `#!/bin/sh
case $1 in
  version) echo "go version ${version} linux/amd64" ;;
  install) echo "$@" > ${home}/go-arguments; ${install} ;;
esac`,
  );
}
const GO_BUILDS = `echo github.com/some/package >&2; printf '%s' '${GOOD}' > $GOBIN/temporal; /bin/chmod +x $GOBIN/temporal`;

describe('the order of the ways', () => {
  test('takes the temporal on PATH and touches nothing else', async () => {
    const path = writeProgram(bin, 'temporal', fakeTemporal('1.31.0'));
    expect(await provision(configure(await serveGood()))).toBe(path);
    expect(server?.requests).toEqual([]);
    expect(existsSync(join(home, 'cache'))).toBe(false);
  });

  test('takes the configured binary before the one on PATH', async () => {
    writeProgram(bin, 'temporal', GOOD);
    const path = writeProgram(join(home, 'other'), 'temporal', GOOD);
    expect(await provision(configure(NOWHERE, { NIGHTSHIFT_TEMPORAL_EXECUTABLE: path }))).toBe(path);
  });

  test('skips one that is too old or no Temporal at all, with the reason, and fetches the archive', async () => {
    const old = writeProgram(bin, 'temporal', fakeTemporal('1.27.1'));
    const config = configure(await serveGood());
    expect(await provision(config)).toBe(join(home, cached));
    expect(server?.requests).toEqual([`/cli/archive/v${PINNED_CLI_VERSION}?platform=${TARGET.os}&arch=${TARGET.arch}`]);
    expect(reports[0]).toContain(`${old} has server 1.27.1, older than ${PINNED_SERVER_VERSION}`);
    writeProgram(bin, 'temporal', '#!/bin/sh\necho hello');
    await provision(config);
    expect(reports.join('\n')).toContain('is no Temporal CLI: it says "hello"');
  });

  test('takes what it fetched from the cache the next time', async () => {
    const config = configure(await serveGood());
    await provision(config);
    expect(await provision(config)).toBe(join(home, cached));
    expect(server?.requests).toHaveLength(1);
    expect(cacheListing()).toHaveLength(1);
  });

  test('builds with Go when there is no archive, and takes the build from the cache the next time', async () => {
    writeGo(GO_BUILDS);
    const startedMs = Date.now();
    expect(await provision(configure())).toBe(join(home, cached));
    expect(Date.now() - startedMs).toBeLessThan(5_000);
    expect(readFileSync(join(home, 'go-arguments'), 'utf8')).toBe(
      `install -v -trimpath -ldflags -s -w github.com/temporalio/cli/cmd/temporal@v${PINNED_CLI_VERSION}\n`,
    );
    expect(reports.some((line) => line.startsWith('building Temporal with Go 1.26.1'))).toBe(true);
    writeGo('exit 1');
    await provision(configure());
  });

  test('names every way, why it failed and what to do when none works', async () => {
    const error = await provision(configure()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'temporal_not_provisioned' });
    const message = error instanceof Error ? error.message : '';
    expect(message).toContain('temporal on PATH: not found');
    expect(message).toMatch(/cache: .* does not exist/);
    expect(message).toMatch(/official archive: http:\/\/127\.0\.0\.1:\d+\/.*ECONNREFUSED/);
    expect(message).toContain('build with Go: there is no Go toolchain on PATH');
    for (const way of [
      'TEMPORAL_ADDRESS',
      'NIGHTSHIFT_TEMPORAL_EXECUTABLE',
      'NIGHTSHIFT_TEMPORAL_ARCHIVE_URL',
      'Go 1.25',
    ]) {
      expect(message).toContain(way);
    }
  });
});

const half = (): Buffer => {
  const whole = archiveOf(GOOD + randomBytes(4096).toString('base64'));
  return whole.subarray(0, whole.length / 2);
};

describe('an archive that is no good is never used', () => {
  test.each<[string, RequestListener, RegExp]>([
    ['not there', (_, response) => response.writeHead(404).end('no'), /HTTP 404/],
    ['wrong bytes', (_, response) => response.end('<html>sign in to the hotel network</html>'), /tar/],
    ['another release', (_, response) => response.end(archiveOf(fakeTemporal('1.24.0'))), /not the pinned 1\.29\.1/],
    ['half of it, said to be whole', (_, response) => response.end(half()), /tar/],
    [
      'cut off',
      (_, response) => {
        const body = half();
        response.writeHead(200, { 'content-length': body.length * 2 });
        response.write(body, () => response.destroy());
      },
      /terminated|aborted|closed/,
    ],
  ])('%s', async (_, answer, reason) => {
    const config = configure(await serve(answer));
    await expect(provision(config)).rejects.toThrow(reason);
    expect(cacheListing()).toEqual([]);
    writeGo(GO_BUILDS);
    expect(await provision(config)).toBe(join(home, cached));
  });

  const limits = { answerMs: 100, windowMs: 100, leastBytes: 1024 };
  const fetchFrom = (baseUrl: string, signal = new AbortController().signal): Promise<void> =>
    fetchArchive({
      baseUrl,
      target: TARGET,
      folder: temporaryFolder(),
      report: (line) => reports.push(line),
      signal,
      limits,
    });

  test('gives up a server that does not answer', async () => {
    await expect(fetchFrom(await serve(() => {}))).rejects.toThrow('no answer within 0.1 s');
  });

  test('gives up a server that sends next to nothing', async () => {
    const baseUrl = await serve((_, response) => {
      const trickle = setInterval(() => response.write('x'), 20);
      response.once('close', () => clearInterval(trickle));
    });
    await expect(fetchFrom(baseUrl)).rejects.toThrow(/only \d+ bytes in 0\.1 s/);
  });

  test('tells the progress of one that is slow but good', async () => {
    const body = archiveOf(GOOD + randomBytes(65_536).toString('base64'));
    const baseUrl = await serve((_, response) => {
      response.writeHead(200, { 'content-length': body.length });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(sent, sent + 16_384));
        sent += 16_384;
        if (sent < body.length) return;
        clearInterval(timer);
        response.end();
      }, 20);
    });
    await fetchFrom(baseUrl);
    const percents = reports.flatMap((line) => /: (\d+) %$/.exec(line)?.[1] ?? []).map(Number);
    expect(percents.length).toBeGreaterThanOrEqual(3);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
  });
});

describe('a build that is no good is never used', () => {
  test.each([
    ['a toolchain that is too old', GO_BUILDS, 'go1.22.1', 'the Go toolchain is 1.22.1, and 1.25 or newer is needed'],
    ['a build that fails', 'echo "no space left on device" >&2; exit 1', 'go1.26.1', 'code 1: no space left on device'],
    ['a build without a result', 'true', 'go1.26.1', 'ENOENT'],
    ['a build that cannot run', 'echo broken > $GOBIN/temporal', 'go1.26.1', 'EACCES'],
  ])('%s', async (_, install, version, reason) => {
    writeGo(install, version);
    await expect(provision(configure())).rejects.toThrow(reason);
    expect(cacheListing()).toEqual([]);
  });

  test('stops a build that is interrupted', async () => {
    writeGo(`printf half > $GOBIN/temporal; exec /bin/sleep 60`);
    const interrupt = new AbortController();
    const provisioning = provision(configure(), interrupt.signal);
    await vi.waitFor(() => expect(existsSync(join(home, 'go-arguments'))).toBe(true));
    interrupt.abort(new Error('asked to stop'));
    await expect(provisioning).rejects.toThrow('asked to stop');
    expect(cacheListing()).toEqual([]);
  });
});

describe('the cache', () => {
  test('notices a damaged binary and replaces it', async () => {
    const config = configure(await serveGood());
    const path = await provision(config);
    writeFileSync(path, `${GOOD}# changed`);
    expect(await provision(config)).toBe(path);
    expect(reports.join('\n')).toContain('is not what was put there (sha256 differs)');
    expect(readFileSync(path, 'utf8')).toBe(GOOD);
    expect(cacheListing()).toHaveLength(1);
  });

  test('serves several starts at once', async () => {
    const config = configure(await serveGood());
    const paths = await Promise.all(Array.from({ length: 4 }, () => provision(config)));
    expect(new Set(paths)).toEqual(new Set([join(home, cached)]));
    expect(cacheListing()).toHaveLength(1);
    expect(await provision(config)).toBe(join(home, cached));
  });
});

test('names platforms as the archives do', () => {
  expect(targetOf('darwin', 'arm64')).toEqual({ os: 'darwin', arch: 'arm64', programName: 'temporal' });
  expect(targetOf('win32', 'x64')).toEqual({ os: 'windows', arch: 'amd64', programName: 'temporal.exe' });
  expect(() => targetOf('aix', 'ppc64')).toThrow('there is no Temporal CLI for aix ppc64');
});
