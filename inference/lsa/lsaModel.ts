import { createHash } from 'node:crypto';

import { DEFAULT_MODEL_FAMILY, type ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { publishManifest, putOnce, type ModelStore, type RegisterModel } from '../models/bundledModels.ts';
import type { LsaModel } from './buildLsa.ts';

export const LSA_MODEL = 'lsa-wordnet';
/** 12 seconds of building, and near words are near: smaller ones lose that. */
export const LSA_SIZE = { words: 16_000, dimensions: 128 } as const;
const MAX_TOKENS = 8_192;

/** Publishes the project's own text embedding, built from the glosses of WordNet (Princeton University, its licence). */
export async function publishLsa(
  objects: ModelStore,
  register: RegisterModel,
  { network, vocabulary }: LsaModel,
  dimensions: number = LSA_SIZE.dimensions,
): Promise<ModelManifest> {
  const vocabularySha256 = sha256Of(vocabulary);
  const manifest: ModelManifest = {
    name: LSA_MODEL,
    version: '1',
    description: 'Static LSA, bag of words, built from WordNet 3.1: word order and context do not count.',
    family: DEFAULT_MODEL_FAMILY,
    sha256: sha256Of(network),
    sizeBytes: network.length,
    requestUrl: '/v1/embeddings',
    pipeline: {
      kind: 'text-embedding',
      tokenizer: { kind: 'words', vocabularySha256 },
      maxTokens: MAX_TOKENS,
      dimensions,
      truncatable: true,
      pooling: 'none',
    },
  };
  await putOnce(objects, objectKeys.modelAsset(vocabularySha256), vocabulary);
  await putOnce(objects, objectKeys.model(manifest.sha256), network);
  await publishManifest(objects, manifest);
  const { name, version, family, sha256 } = manifest;
  await register({ name, version, family, sha256, manifest });
  return manifest;
}

function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
