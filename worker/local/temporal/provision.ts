import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { NightshiftError } from '../../../domain/errors.ts';
import type { Config } from '../../../config/config.ts';
import type { Report } from '../supervisor/managedProcess.ts';
import { messageOf } from '../../../domain/thrown.ts';
import { fetchArchive } from './archive.ts';
import { openTemporalCache } from './cache.ts';
import { buildWithGo } from './goBuild.ts';
import { targetOf } from './target.ts';
import { assertNewEnough, PINNED_CLI_VERSION } from './version.ts';

interface Way {
  readonly name: string;
  readonly obtain: () => Promise<string>;
}

/**
 * Finds, fetches or builds a `temporal` binary: the configured one or the one on PATH when it is new enough, our cache,
 * the official archive, the Go toolchain. What is fetched or built goes into the cache.
 * @returns the binary's path
 * @throws NightshiftError `temporal_not_provisioned` with each way tried, why it failed and what to do
 */
export async function provisionTemporal(config: Config, report: Report, signal: AbortSignal): Promise<string> {
  const failures: string[] = [];
  for (const { name, obtain } of waysOf(config, report, signal)) {
    signal.throwIfAborted();
    try {
      const path = await obtain();
      report(`using ${path} (${name})`);
      return path;
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${name}: ${messageOf(error)}`);
      report(`no Temporal by this way: ${name}: ${messageOf(error)}`);
    }
  }
  throw new NightshiftError(
    'temporal_not_provisioned',
    `No way to obtain a Temporal server worked:\n  ${failures.join('\n  ')}\n` +
      'Do one of these: set TEMPORAL_ADDRESS to a running server; install the Temporal CLI ' +
      `(https://docs.temporal.io/cli, ${PINNED_CLI_VERSION} or newer) and put it on PATH or into ` +
      'NIGHTSHIFT_TEMPORAL_EXECUTABLE (temporal.executable); allow access to the archive or a mirror of it in ' +
      'NIGHTSHIFT_TEMPORAL_ARCHIVE_URL (temporal.archiveUrl); install Go 1.25 or newer.',
  );
}

function waysOf(config: Config, report: Report, signal: AbortSignal): readonly Way[] {
  const { executable, archiveUrl } = config.temporal;
  const { environment } = config;
  const target = targetOf(process.platform, process.arch);
  const cache = openTemporalCache(config.cacheDir, target);
  return [
    executable === undefined
      ? { name: 'temporal on PATH', obtain: () => usable(onPath(target.programName, environment.PATH)) }
      : { name: 'temporal.executable', obtain: () => usable(executable) },
    { name: 'cache', obtain: () => cache.find() },
    {
      name: 'official archive',
      obtain: () =>
        cache.fill('archive', (folder) => fetchArchive({ baseUrl: archiveUrl, target, folder, report, signal })),
    },
    {
      name: 'build with Go',
      obtain: () => cache.fill('go', (folder) => buildWithGo({ folder, environment, report, signal })),
    },
  ];
}

async function usable(path: string): Promise<string> {
  await assertNewEnough(path);
  return path;
}

function onPath(program: string, searched = ''): string {
  for (const folder of searched.split(delimiter).filter(Boolean)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error('not found');
}
