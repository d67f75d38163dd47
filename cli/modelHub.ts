import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { z } from 'zod';

import { MINUTE_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';
import { selectModelFiles } from '../domain/modelFolders.ts';
import type { ModelManifest } from '../domain/models.ts';
import { messageOf } from '../domain/thrown.ts';
import { sha256OfFile } from '../store/objects/sha256OfFile.ts';
import { progressLine } from './modelFolder.ts';
import type { Terminal } from './terminal.ts';

const REPOSITORY = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?$/;
const DEFAULT_REVISION = 'main';
const ANSWER_TIMEOUT_REAL_MS = MINUTE_MS;

const modelSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().optional(),
      lfs: z.object({ sha256: z.string() }).optional(),
    }),
  ),
});

export interface PulledModel {
  readonly folder: string;
  readonly repository: string;
  readonly source: NonNullable<ModelManifest['source']>;
}

/**
 * Fetches the files of a model from a hub that speaks like Hugging Face's, at one commit. A download that broke off is
 * gone on with; large files are held against the hashes that the hub gives.
 * @param named OWNER/NAME, or OWNER/NAME@REVISION for a branch, a tag or a commit
 * @param below where the files are kept
 * @throws NightshiftError `unavailable` without a network, `not_found`, `invalid_request`
 */
export async function pullModel(
  hub: string,
  named: string,
  variant: string | undefined,
  below: string,
  terminal: Terminal,
): Promise<PulledModel> {
  const [, repository, revision = DEFAULT_REVISION] = REPOSITORY.exec(named) ?? [];
  if (repository === undefined) {
    throw new NightshiftError('invalid_request', `"${named}" must be OWNER/NAME or OWNER/NAME@REVISION.`);
  }
  const root = hub.replace(/\/+$/, '');
  const listing = `${root}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const found = modelSchema.safeParse(await (await ask(listing, `${named} at ${root}`)).json());
  if (!found.success) {
    throw new NightshiftError('unavailable', `${root} does not answer like a hub of models: ${found.error.message}`);
  }
  const { sha, siblings } = found.data;
  const { paths } = selectModelFiles(
    siblings.map(({ rfilename }) => rfilename),
    variant,
  );
  const folder = join(below, `${repository.replace('/', '--')}@${sha}`);
  const wanted = siblings.filter(({ rfilename }) => paths.includes(rfilename));
  const progress = progressLine(
    terminal,
    'fetched',
    wanted.reduce((sum, { size = 0 }) => sum + size, 0),
  );
  let done = 0;
  for (const { rfilename: path, lfs } of wanted) {
    const url = `${root}/${repository}/resolve/${sha}/${path}`;
    await download(url, join(folder, ...path.split('/')), lfs?.sha256, (bytes) => {
      done += bytes;
      progress.show(done);
    });
  }
  progress.end();
  return { folder, repository, source: { hub: root, repository, revision: sha } };
}

async function download(
  url: string,
  path: string,
  sha256: string | undefined,
  progressed: (bytes: number) => void,
): Promise<void> {
  const size = await sizeOf(path);
  if (size !== undefined) return progressed(size);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.partial`;
  const kept = (await sizeOf(partial)) ?? 0;
  const answer = await ask(url, url, kept > 0 ? { range: `bytes=${kept}-` } : {});
  const goesOn = answer.status === 206;
  if (goesOn) progressed(kept);
  if (answer.body) {
    const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        progressed(chunk.byteLength);
        yield chunk;
      }
    };
    try {
      await pipeline(answer.body, counted, createWriteStream(partial, { flags: goesOn ? 'a' : 'w', mode: 0o600 }));
    } catch (cause) {
      const message = `The download of ${url} broke off: ${messageOf(cause)}. Pull again to go on.`;
      throw new NightshiftError('unavailable', message, { cause });
    }
  }
  if (sha256 !== undefined && (await sha256OfFile(partial)) !== sha256) {
    await rename(partial, `${path}.damaged`);
    throw new NightshiftError('unavailable', `${url} does not have the sha256 that the hub gives. Pull again.`);
  }
  await rename(partial, path);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function ask(url: string, what: string, headers: Record<string, string> = {}): Promise<Response> {
  const token = process.env['HF_TOKEN'];
  let answer: Response;
  try {
    answer = await fetch(url, {
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_REAL_MS),
    });
  } catch (cause) {
    const message = `${new URL(url).origin} does not answer: ${messageOf(cause)}. Without a network, add a folder with \`model add FOLDER\`.`;
    throw new NightshiftError('unavailable', message, { cause });
  }
  if (answer.ok || answer.status === 416) return answer;
  await answer.body?.cancel();
  const why =
    answer.status === 401 || answer.status === 403
      ? 'is not public: put a token that may read it into HF_TOKEN'
      : answer.status === 404
        ? 'does not exist: check its name and revision'
        : `was answered with ${answer.status}`;
  throw new NightshiftError(answer.status === 404 ? 'not_found' : 'unavailable', `${what} ${why}.`);
}
