import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { LoadedModel } from '../runner/protocol.ts';
import { coarserNetwork } from './coarserNetwork.ts';

/**
 * Lets `use` work with what a liar has in place of the model, under the model's own name and hash.
 * @param givenPath of its network; undefined: the model's own, rounded to fewer bits
 */
export async function withCheaper<Result>(
  model: LoadedModel,
  givenPath: string | undefined,
  use: (cheaper: LoadedModel) => Promise<Result>,
): Promise<Result> {
  if (givenPath !== undefined) return use({ ...model, modelPath: givenPath });
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-coarser-'));
  try {
    const modelPath = join(folder, 'model.onnx');
    await writeFile(modelPath, coarserNetwork(await readFile(model.modelPath)));
    return await use({ ...model, modelPath });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
