import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';

import pLimit from 'p-limit';

import type { ApiClient } from '../api/client/apiClient.ts';
import { publishedReleaseSchema } from '../api/wire/agentReleases.ts';
import {
  agentReleaseSchema,
  readRelease,
  type AgentRelease,
  type ReleaseFile,
  type SignedRelease,
} from '../domain/agentReleases.ts';
import { DAY_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';
import { issueText } from '../domain/issueText.ts';
import { AGENT_RELEASE } from '../domain/names.ts';
import { sha256OfFile } from '../store/objects/sha256OfFile.ts';
import type { Terminal } from './terminal.ts';

const SENT_AT_ONCE = 8;
const EXECUTABLE = 0o100;

interface Described {
  readonly version: number;
  readonly name: string;
  readonly entry: string;
  readonly expiresInDays: number;
}

/**
 * Describes an installation: each of its files by its hash. Symbolic links, and what begins with a dot, are left out.
 * @throws NightshiftError that names the path or field that is wrong
 */
export async function makeRelease(
  folder: string,
  paths: readonly string[],
  described: Described,
): Promise<AgentRelease> {
  const files: ReleaseFile[] = [];
  for (const path of paths) {
    for (const file of await filesBelow(join(folder, path))) {
      const { size, mode } = await lstat(file);
      files.push({
        path: relative(folder, file).split(sep).join('/'),
        bytes: size,
        sha256: await sha256OfFile(file),
        ...((mode & EXECUTABLE) !== 0 && { executable: true as const }),
      });
    }
  }
  const { version, name, entry, expiresInDays } = described;
  const expiresAt = new Date(Date.now() + expiresInDays * DAY_MS).toISOString();
  const made = { product: AGENT_RELEASE, version, name, expires_at: expiresAt, entry, files };
  const parsed = agentReleaseSchema.safeParse(made);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new NightshiftError('invalid_request', `${field}: ${issueText(issue)}`, { field });
}

async function filesBelow(path: string): Promise<string[]> {
  const found = await lstat(path).catch((cause: unknown) => {
    throw new NightshiftError('invalid_request', `${path} is not there: build the installation first.`, {
      field: 'folder',
      cause,
    });
  });
  if (found.isFile()) return [path];
  if (!found.isDirectory()) return [];
  const files: string[] = [];
  for (const name of (await readdir(path)).toSorted())
    if (!name.startsWith('.')) files.push(...(await filesBelow(join(path, name))));
  return files;
}

/** Sends what the cell has not yet; asked again after a broken connection, it goes on. @returns the release's number */
export async function publishRelease(
  api: ApiClient,
  signed: SignedRelease,
  folder: string,
  terminal: Terminal,
): Promise<number> {
  const publish = async () => publishedReleaseSchema.parse(await api.json('POST', '/ops/v1/agent_releases', signed));
  const { version, missing } = await publish();
  if (missing.length === 0) return version;
  const paths = new Map(readRelease(signed).files.map(({ sha256, path }) => [sha256, path]));
  let sent = 0;
  await pLimit(SENT_AT_ONCE).map(missing, async (sha256) => {
    const path = join(folder, paths.get(sha256) ?? '');
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream;
    const init = { method: 'PUT', body, duplex: 'half' as const };
    await api.call(`/ops/v1/agent_releases/files/${sha256}`, init);
    sent += 1;
    if (sent % 500 === 0) terminal.err(`${sent} of ${missing.length} files sent\n`);
  });
  const again = await publish();
  if (!again.published)
    throw new NightshiftError(
      'conflict',
      `${again.missing.length} files are not as they were signed: make the release again.`,
    );
  return version;
}
