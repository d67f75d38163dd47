import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { codeOf } from '../../../domain/thrown.ts';
import type { Target } from './target.ts';
import { assertPinned, PINNED_CLI_VERSION } from './version.ts';

const recordSchema = z.object({ sha256: z.string(), obtainedBy: z.string() });
const DRAFT_PREFIX = '.draft-';
/** A draft of that age belongs to no running start: the slowest way takes minutes. */
const ABANDONED_AFTER_MS = 24 * 3600_000;

/** The Temporal binary that we have fetched or built before: one folder a release and platform, with its record. */
export interface TemporalCache {
  /** Path of the binary, verified. @throws Error with the reason why there is none to use */
  find(): Promise<string>;
  /**
   * Lets `obtain` put a binary into a folder of its own and takes it over when it is the pinned release. Whoever is first
   * of two starts at once wins, and the other one uses that.
   */
  fill(obtainedBy: string, obtain: (folder: string) => Promise<void>): Promise<string>;
}

export function openTemporalCache(cacheDir: string, target: Target): TemporalCache {
  const parent = join(cacheDir, 'temporal');
  const folder = join(parent, `${PINNED_CLI_VERSION}-${target.os}-${target.arch}`);
  const program = join(folder, target.programName);

  const find = async (): Promise<string> => {
    let content: string;
    try {
      content = await readFile(recordPath(folder), 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw new Error(`${folder} does not exist`, { cause: error });
      throw error;
    }
    const { sha256 } = recordSchema.parse(JSON.parse(content));
    if ((await sha256Of(program)) !== sha256) throw new Error(`${program} is not what was put there (sha256 differs)`);
    await assertPinned(program);
    return program;
  };

  return {
    find,
    async fill(obtainedBy, obtain) {
      await mkdir(parent, { recursive: true });
      await removeAbandoned(parent);
      const draft = join(parent, DRAFT_PREFIX + randomUUID());
      await mkdir(draft);
      try {
        const made = join(draft, target.programName);
        await obtain(draft);
        await access(made);
        await assertPinned(made);
        await flush(made);
        await writeFile(recordPath(draft), JSON.stringify({ sha256: await sha256Of(made), obtainedBy }), {
          flush: true,
        });
        await moveInto(draft, folder, find);
        return program;
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
    },
  };
}

const recordPath = (folder: string): string => join(folder, 'temporal.json');

/** A rename does not replace a folder that holds something, so that two starts at once cannot mix their files. */
async function moveInto(draft: string, folder: string, find: () => Promise<string>): Promise<void> {
  try {
    return await rename(draft, folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  }
  const usable = await find().then(
    () => true,
    () => false,
  );
  if (usable) return;
  const damaged = `${draft}-damaged`;
  await rename(folder, damaged);
  await rm(damaged, { recursive: true, force: true });
  await rename(draft, folder);
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    const modifiedMs = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - modifiedMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
