import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../domain/json.ts';
import { modelManifestSchema, pipelineAssets } from '../domain/models.ts';
import { objectKeys } from '../domain/names.ts';
import type { ModelRef } from '../domain/shards.ts';
import type { ObjectStore } from '../store/objectStore.ts';
import { writeFileAtomically } from './atomicFile.ts';
import type { LoadedModel } from './runner/protocol.ts';

const HASH_CHUNK_BYTES = 1024 * 1024;

/** What the store holds for a model is not what its hash, or its manifest, promises. */
export class ModelMismatch extends Error {
  override readonly name = 'ModelMismatch';
}

/** Files of models on the car's disk, under the hash of their bytes. Agents of one machine may share a folder. */
export class ModelCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The model's files on disk, fetched when they are missing, and checked each time: ONNX Runtime opens them by path.
   * @throws ModelMismatch
   * @throws NightshiftError `object_not_found`, or what the store throws while it is out of reach
   */
  async open(model: ModelRef, objects: Pick<ObjectStore, 'get'>): Promise<LoadedModel> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const bytes = await objects.get(objectKeys.modelManifest(model.name, model.version));
    const manifest = modelManifestSchema.safeParse(parseJson(bytes.toString('utf8')));
    if (!manifest.success)
      throw new ModelMismatch(`The manifest of ${model.name} is not valid: ${manifest.error.message}`);
    const { name, version, pipeline } = manifest.data;
    if (manifest.data.sha256 !== model.sha256 || name !== model.name || version !== model.version) {
      throw new ModelMismatch(`The manifest of ${model.name} ${model.version} describes another model.`);
    }
    const modelPath = await this.#file(objects, model.sha256, objectKeys.model(model.sha256), 'onnx');
    const assetPaths: Record<string, string> = {};
    for (const asset of pipelineAssets(pipeline)) {
      assetPaths[asset] = await this.#file(objects, asset, objectKeys.modelAsset(asset), 'asset');
    }
    return { name, version, sha256: model.sha256, modelPath, assetPaths, pipeline };
  }

  async #file(
    objects: Pick<ObjectStore, 'get'>,
    sha256: string,
    objectKey: string,
    extension: string,
  ): Promise<string> {
    const path = join(this.#folder, `${sha256}.${extension}`);
    if ((await hashOfOwnFile(path)) === sha256) return path;
    const bytes = await objects.get(objectKey);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new ModelMismatch(`The object ${objectKey} does not have the hash in its name.`);
    }
    await rm(path, { recursive: true, force: true });
    await writeFileAtomically(path, bytes);
    return path;
  }
}

/** sha256 of the file, or undefined when there is none or when its name leads to a file that we did not write. */
async function hashOfOwnFile(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.nlink !== 1) return undefined;
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(HASH_CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
