import { readFile } from 'node:fs/promises';

import type { InferenceSession } from 'onnxruntime-node';

import type { LoadedModel } from '../runner/protocol.ts';
import { openLanguageModel, type LanguageModel } from './languageModel.ts';

/** Opens a model whose files lie in the car's cache. @throws Error that says what is wrong with it */
export async function openLoadedLanguageModel(session: InferenceSession, model: LoadedModel): Promise<LanguageModel> {
  return openLanguageModel({
    session,
    name: model.name,
    sha256: model.sha256,
    networkPath: model.modelPath,
    readFile: async (path) => {
      const file = model.filePaths?.[path];
      return file === undefined ? undefined : readFile(file, 'utf8');
    },
  });
}
