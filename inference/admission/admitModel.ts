import { createReadStream } from 'node:fs';

import type { UploadedModel } from '../../domain/modelUploads.ts';
import {
  endpointsOf,
  ENCODER_INPUTS,
  pipelineAssets,
  pipelineTensors,
  type ModelManifest,
  type Pipeline,
} from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { gradientName, rowsName } from '../../training/compile.ts';
import { publishManifest, type ModelStore, type RegisterModel } from '../models/bundledModels.ts';
import { inspectFile } from './inspectFile.ts';
import type { InspectedNetwork, NetworkTensor } from './inspectNetwork.ts';
import { refused } from './refused.ts';
import { probeModel, type ProbedModel } from './probeModel.ts';

export type AdmissionStore = ModelStore & Pick<ObjectStore, 'putStream'>;

export interface AdmittedModel {
  readonly manifest: ModelManifest;
  readonly probed: ProbedModel;
}

/**
 * Admits a model of a stranger: reads its file for what it must not hold, holds it against its declaration, runs it
 * under limits in a process of its own, and only then publishes it. Sent again, nothing changes. The files stay the
 * caller's; each must lie alone in its folder, since a network may name what is beside it.
 * @throws NightshiftError `model_refused`; `conflict` when the version was published with other content
 */
export async function admitModel(
  objects: AdmissionStore,
  register: RegisterModel,
  { declaration, network, assets }: UploadedModel,
): Promise<AdmittedModel> {
  const { name, description, family, pipeline, sample } = declaration;
  const assetsByHash = new Map(assets.map((asset) => [asset.sha256, asset]));
  const missing = pipelineAssets(pipeline).find((hash) => !assetsByHash.has(hash));
  if (missing !== undefined) throw refused(`no file was sent with the sha256 ${missing} that its pipeline names`);
  const { sha256, sizeBytes } = network;
  const manifest: ModelManifest = {
    name,
    // Without a word of the user's, the version is its content.
    version: declaration.version ?? sha256.slice(0, 12),
    ...(description !== undefined && { description }),
    family,
    sha256,
    sizeBytes,
    requestUrl: endpointsOf(name, pipeline)[0],
    pipeline,
  };
  const assetPaths: Record<string, string> = {};
  for (const { sha256, path } of assets) assetPaths[sha256] = path;
  checkDeclared(pipeline, await inspectFile(network.path));
  const loaded = { name, version: manifest.version, sha256, modelPath: network.path, assetPaths, pipeline };
  const probed = await probeModel(loaded, sample, sizeBytes);
  for (const hash of pipelineAssets(pipeline)) {
    const asset = assetsByHash.get(hash);
    if (asset) await putFileOnce(objects, objectKeys.modelAsset(hash), asset.path);
  }
  await putFileOnce(objects, objectKeys.model(sha256), network.path);
  await publishManifest(objects, manifest);
  await register({ name, version: manifest.version, family, sha256, manifest });
  return { manifest, probed };
}

export async function putFileOnce(objects: AdmissionStore, key: string, path: string): Promise<void> {
  if ((await objects.head(key)) === undefined) await objects.putStream(key, createReadStream(path));
}

/** @throws NightshiftError `model_refused` when the network is not what its pipeline needs */
export function checkDeclared(pipeline: Pipeline, { inputs, outputs }: InspectedNetwork): void {
  if (pipeline.kind === 'tensors') {
    const declared = pipelineTensors(pipeline);
    checkTensors('input', declared.inputs, inputs);
    checkTensors('output', declared.outputs, outputs);
    return;
  }
  if (pipeline.kind === 'image-ctc') {
    if (inputs.length !== 1 || inputs[0]?.datatype !== 'FP32') throw refused('a picture pipeline has one FP32 input');
    return;
  }
  // What a decoder is fed is found out by its runner.
  if (pipeline.kind === 'text-generation') {
    if (!inputs.some(({ name }) => name === 'input_ids')) throw refused('its network has no input "input_ids"');
    return;
  }
  if (pipeline.kind === 'training') {
    const weights = pipeline.weights.map(({ name, shape }) => ({ name, datatype: 'FP32' as const, shape }));
    const gradients = pipeline.weights.flatMap(({ name: weight, shape, rows }): NetworkTensor[] => {
      const [name, datatype] = [gradientName(weight), 'FP32' as const];
      if (rows === undefined) return [{ name, datatype, shape }];
      const taken = { name: rowsName(weight), datatype: 'INT32' as const, shape: [rows, 1] };
      return [{ name, datatype, shape: [rows, ...shape.slice(1)] }, taken];
    });
    checkTensors('input', [...pipeline.inputs, ...weights], inputs);
    checkTensors('output', gradients, outputs);
    return;
  }
  const known: ReadonlySet<string> = new Set(ENCODER_INPUTS);
  const foreign = inputs.find(
    ({ name, datatype }) => !known.has(name) || (datatype !== 'INT64' && datatype !== 'INT32'),
  );
  if (foreign) {
    throw refused(`texts do not give its input "${foreign.name}" (INT64 or INT32 ${ENCODER_INPUTS.join(', ')})`);
  }
}

function checkTensors(
  kind: 'input' | 'output',
  declared: readonly NetworkTensor[],
  found: readonly NetworkTensor[],
): void {
  for (const tensor of declared) {
    const { name, datatype, shape = [] } = tensor;
    const match = found.find((candidate) => candidate.name === name);
    if (!match) throw refused(`its manifest names the ${kind} "${name}", which it does not have`);
    if (match.datatype !== datatype)
      throw refused(`its ${kind} "${name}" is ${match.datatype ?? 'of another type'}, not ${datatype}`);
    if (match.shape === undefined) continue;
    const fits =
      match.shape.length === shape.length &&
      match.shape.every((length, axis) => length === -1 || length === shape[axis]);
    if (!fits)
      throw refused(`its ${kind} "${name}" has the shape [${match.shape.join(', ')}], not [${shape.join(', ')}]`);
  }
  const undeclared =
    kind === 'input' ? found.find(({ name }) => !declared.some((tensor) => tensor.name === name)) : undefined;
  if (undeclared) throw refused(`its input "${undeclared.name}" is not in the manifest`);
}
