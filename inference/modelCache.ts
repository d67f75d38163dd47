import { createHash, randomUUID, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { parseJson } from '../domain/json.ts';
import { modelManifestSchema, pipelineAssets, type ModelManifest } from '../domain/models.ts';
import { objectKeys } from '../domain/names.ts';
import type { ModelRef } from '../domain/shards.ts';
import type { ObjectStore } from '../store/objectStore.ts';
import { folderSha256 } from './models/folderSha256.ts';
import type { LoadedModel } from './runner/protocol.ts';

const HASH_CHUNK_BYTES = 1024 * 1024;
/** Room for a few chat models beside the small ones. */
const DEFAULT_DISK_BYTES = 16 * 1024 ** 3;

type Source = Pick<ObjectStore, 'get' | 'getStream'>;

/** What the store holds for a model is not what its hash, or its manifest, promises. */
export class ModelMismatch extends Error {
  override readonly name = 'ModelMismatch';
}

/**
 * Files of models on the car's disk, under hashes of their bytes. Agents of one machine may share a folder. A download
 * that breaks off goes on where it ended; models that were not used for longest make room.
 */
export class ModelCache {
  readonly #folder: string;
  readonly #diskBytes: number;

  constructor(folder: string, diskBytes = DEFAULT_DISK_BYTES) {
    this.#folder = folder;
    this.#diskBytes = diskBytes;
  }

  /**
   * The model's files on disk, fetched when they are missing, and checked each time: ONNX Runtime opens them by path.
   * @throws ModelMismatch
   * @throws NightshiftError `object_not_found`, or what the store throws while it is out of reach
   */
  async open(model: ModelRef, objects: Source): Promise<LoadedModel> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const manifest = await readManifest(model, objects);
    const { name, version, sha256, pipeline, folder } = manifest;
    const assetPaths: Record<string, string> = {};
    if (folder) {
      const filePaths: Record<string, string> = {};
      for (const file of folder.files) {
        const path = await this.#file(
          objects,
          file.sha256,
          objectKeys.modelFile(file.sha256),
          `${sha256}/${file.path}`,
        );
        filePaths[file.path] = path;
        assetPaths[file.sha256] = path;
      }
      const modelPath = filePaths[folder.networkPath];
      if (modelPath === undefined) throw new ModelMismatch(`The manifest of ${name} does not list its own network.`);
      await this.#makeRoom(new Set([sha256]));
      return { name, version, sha256, modelPath, assetPaths, filePaths, pipeline };
    }
    const used = new Set([`${sha256}.onnx`]);
    const modelPath = await this.#file(objects, sha256, objectKeys.model(sha256), `${sha256}.onnx`);
    for (const asset of pipelineAssets(pipeline)) {
      used.add(`${asset}.asset`);
      assetPaths[asset] = await this.#file(objects, asset, objectKeys.modelAsset(asset), `${asset}.asset`);
    }
    await this.#makeRoom(used);
    return { name, version, sha256, modelPath, assetPaths, pipeline };
  }

  /** @param place below the cache's folder */
  async #file(objects: Source, sha256: string, objectKey: string, place: string): Promise<string> {
    const path = join(this.#folder, ...place.split('/'));
    if ((await hashOfOwnFile(path)) === sha256) return path;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const partial = `${path}.partial`;
    const found = await download(objects, objectKey, partial);
    if (found.sha256 !== sha256) {
      await rm(found.path, { force: true });
      throw new ModelMismatch(`The object ${objectKey} does not have the hash in its name.`);
    }
    await rm(path, { recursive: true, force: true });
    await rename(found.path, path);
    return path;
  }

  /** Removes what was used least recently until the rest fits, but never what was opened just now. */
  async #makeRoom(used: ReadonlySet<string>): Promise<void> {
    const now = new Date();
    const entries: { readonly path: string; readonly bytes: number; readonly usedMs: number }[] = [];
    let total = 0;
    for (const entry of await readdir(this.#folder)) {
      const path = join(this.#folder, entry);
      // Agents that share the folder may have removed it in the meantime.
      const bytes = await bytesBelow(path).catch(() => 0);
      total += bytes;
      if (used.has(entry)) await utimes(path, now, now).catch(() => undefined);
      else
        entries.push({
          path,
          bytes,
          usedMs: await stat(path).then(
            ({ mtimeMs }) => mtimeMs,
            () => 0,
          ),
        });
    }
    entries.sort((a, b) => a.usedMs - b.usedMs);
    for (const { path, bytes } of entries) {
      if (total <= this.#diskBytes) return;
      await rm(path, { recursive: true, force: true });
      total -= bytes;
    }
  }
}

async function readManifest(model: ModelRef, objects: Source): Promise<ModelManifest> {
  const bytes = await objects.get(objectKeys.modelManifest(model.name, model.version));
  const parsed = modelManifestSchema.safeParse(parseJson(bytes.toString('utf8')));
  if (!parsed.success) throw new ModelMismatch(`The manifest of ${model.name} is not valid: ${parsed.error.message}`);
  const { name, version, sha256, folder } = parsed.data;
  if (sha256 !== model.sha256 || name !== model.name || version !== model.version) {
    throw new ModelMismatch(`The manifest of ${model.name} ${model.version} describes another model.`);
  }
  if (folder && folderSha256(folder.files) !== sha256) {
    throw new ModelMismatch(`The manifest of ${model.name} ${model.version} lists other files than its hash pins.`);
  }
  return parsed.data;
}

/** Fetches the object, from where an earlier attempt ended. Bytes are kept when the connection breaks. */
async function download(
  objects: Source,
  objectKey: string,
  partialPath: string,
): Promise<{ readonly path: string; readonly sha256: string }> {
  // Taken by rename: of two agents that share the folder, one goes on and the other begins anew.
  const own = `${partialPath}-${randomUUID()}`;
  await rename(partialPath, own).catch(() => {});
  const hash = createHash('sha256');
  const kept = await addOwnFile(own, hash);
  if (kept === undefined) await rm(own, { recursive: true, force: true });
  const file = await open(own, 'a', 0o600);
  try {
    for await (const chunk of await objects.getStream(objectKey, kept ?? 0)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    // A power cut must not leave a file that is shorter than its name says.
    await file.sync();
  } catch (error) {
    await rename(own, partialPath).catch(() => {});
    throw error;
  } finally {
    await file.close();
  }
  return { path: own, sha256: hash.digest('hex') };
}

/** sha256 of the file, or undefined when there is none or when its name leads to a file that we did not write. */
async function hashOfOwnFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  return (await addOwnFile(path, hash)) === undefined ? undefined : hash.digest('hex');
}

/** Adds the file's bytes to the hash. @returns how many, or undefined when there is no file that we wrote */
async function addOwnFile(path: string, hash: Hash): Promise<number | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.nlink !== 1) return undefined;
    const chunk = Buffer.alloc(Math.min(HASH_CHUNK_BYTES, Math.max(1, stats.size)));
    let total = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return total;
      hash.update(chunk.subarray(0, bytesRead));
      total += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function bytesBelow(path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isDirectory()) return found.size;
  let bytes = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
