import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { messageOf } from '../../../domain/thrown.ts';
import type { Report } from '../supervisor/managedProcess.ts';
import type { Target } from './target.ts';
import { PINNED_CLI_VERSION } from './version.ts';

export interface ArchiveOptions {
  readonly baseUrl: string;
  readonly target: Target;
  /** The binary is unpacked into it. */
  readonly folder: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly limits?: ArchiveLimits;
}

interface ArchiveLimits {
  /** Until the server answers at all: without a network this is what a start waits for at most. */
  readonly answerMs: number;
  /** In each window at least `leastBytes` must arrive, else the download is given up. */
  readonly windowMs: number;
  readonly leastBytes: number;
}

const LIMITS: ArchiveLimits = { answerMs: 5_000, windowMs: 15_000, leastBytes: 256 * 1024 };

/** Fetches the official archive of the pinned release and unpacks the binary. @throws Error with the reason */
export async function fetchArchive(options: ArchiveOptions): Promise<void> {
  const { baseUrl, target, folder, report, signal, limits = LIMITS } = options;
  const url = `${baseUrl}/v${PINNED_CLI_VERSION}?platform=${target.os}&arch=${target.arch}`;
  const archive = join(folder, 'archive');
  try {
    report(`downloading ${url}`);
    await download(url, archive, { report, signal, limits });
    // The tar of macOS and Windows reads zip too, which is what Windows gets. Only the one member is unpacked.
    await promisify(execFile)('tar', ['-xf', archive, '-C', folder, target.programName], { signal });
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await rm(archive, { force: true });
  }
}

async function download(
  url: string,
  path: string,
  { report, signal, limits }: { report: Report; signal: AbortSignal; limits: ArchiveLimits },
): Promise<void> {
  const giveUp = new AbortController();
  const answerTimer = setTimeout(
    () => giveUp.abort(new Error(`no answer within ${limits.answerMs / 1000} s`)),
    limits.answerMs,
  );
  const response = await fetch(url, { signal: AbortSignal.any([signal, giveUp.signal]) }).finally(() =>
    clearTimeout(answerTimer),
  );
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);

  const expectedBytes = Number(response.headers.get('content-length') ?? Number.NaN);
  let receivedBytes = 0;
  let receivedBeforeWindow = 0;
  let reportedPercent = 0;
  const window = setInterval(() => {
    if (receivedBytes - receivedBeforeWindow < limits.leastBytes) {
      giveUp.abort(new Error(`only ${receivedBytes - receivedBeforeWindow} bytes in ${limits.windowMs / 1000} s`));
    }
    receivedBeforeWindow = receivedBytes;
  }, limits.windowMs);
  const counter = new Transform({
    transform(chunk: Buffer, _, done) {
      receivedBytes += chunk.length;
      const percent = Math.floor((receivedBytes / expectedBytes) * 100);
      if (percent >= reportedPercent + 10) report(`downloading Temporal: ${(reportedPercent = percent)} %`);
      done(null, chunk);
    },
  });
  try {
    await pipeline(Readable.from(response.body), counter, createWriteStream(path), { signal: giveUp.signal });
  } finally {
    clearInterval(window);
  }
  if (!Number.isNaN(expectedBytes) && receivedBytes !== expectedBytes) {
    throw new Error(`${receivedBytes} bytes instead of ${expectedBytes}`);
  }
}

/** fetch says only "fetch failed" and hides the reason in the cause; an abort hides it too. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
