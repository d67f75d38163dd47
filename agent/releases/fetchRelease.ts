import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ApiClient } from '../../api/client/apiClient.ts';
import {
  ReleaseRefusal,
  signedReleaseSchema,
  trustedRelease,
  type AgentRelease,
  type ReleaseFile,
  type ReleaseTrust,
} from '../../domain/agentReleases.ts';

/** Reads a release's manifest from the API. @throws ReleaseRefusal, and NightshiftError like `ApiClient.call` */
export async function fetchManifest(api: ApiClient, version: number, trust: ReleaseTrust): Promise<AgentRelease> {
  const given = signedReleaseSchema.parse(await api.json('GET', `/cars/v1/releases/${version}`));
  const release = trustedRelease(given, trust);
  if (release.version !== version) {
    throw new ReleaseRefusal(`Release ${version} was asked for; the one that came is ${release.version}.`);
  }
  return release;
}

/**
 * Puts the release into an empty folder. What the present one has alike is copied from there, so that only what has
 * changed is fetched; every file is held against its hash.
 * @param present folder of the release that runs
 * @returns bytes that were fetched
 * @throws ReleaseRefusal for a file that is not what was signed, and NightshiftError like `ApiClient.call`
 */
export async function fetchRelease(
  api: ApiClient,
  release: AgentRelease,
  folder: string,
  present: string,
  signal?: AbortSignal,
): Promise<number> {
  await rm(folder, { recursive: true, force: true });
  let fetched = 0;
  for (const file of release.files) {
    signal?.throwIfAborted();
    const to = join(folder, file.path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    if (!(await copied(join(present, file.path), to, file))) {
      await fetchFile(api, file, to, signal);
      fetched += file.bytes;
    }
    if (file.executable) await chmod(to, 0o700);
  }
  return fetched;
}

async function copied(from: string, to: string, { sha256 }: ReleaseFile): Promise<boolean> {
  try {
    await copyFile(from, to);
    // Of the copy: what is copied is what must be right.
    return hashOf(await readFile(to)) === sha256;
  } catch {
    return false;
  }
}

async function fetchFile(
  api: ApiClient,
  { path, bytes, sha256 }: ReleaseFile,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const answer = await api.call(`/cars/v1/release_files/${sha256}`, signal ? { signal } : {});
  const hash = createHash('sha256');
  let received = 0;
  const file = await open(to, 'w', 0o600);
  try {
    for await (const chunk of answer.body ?? []) {
      received += chunk.byteLength;
      if (received > bytes) break;
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (received !== bytes || hash.digest('hex') !== sha256) {
    await rm(to, { force: true });
    throw new ReleaseRefusal(`${path} is not the file that was signed.`);
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
