import { posix, join } from 'node:path';

import { selectModelFiles } from '../../domain/modelFolders.ts';
import type { UploadedFolder } from '../../domain/modelUploads.ts';
import { endpointsOf, type ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { folderSha256 } from '../models/folderSha256.ts';
import { publishManifest, type RegisterModel } from '../models/bundledModels.ts';
import type { LoadedModel } from '../runner/protocol.ts';
import { recogniseFolder } from '../models/recogniseFolder.ts';
import { checkDeclared, putFileOnce, type AdmissionStore, type AdmittedModel } from './admitModel.ts';
import { inspectFile } from './inspectFile.ts';
import { probeModel } from './probeModel.ts';

/**
 * Admits the folder of a model as it lies on its maker's disk: recognises what it is, reads its network for what it must
 * not hold, runs it under limits, and only then publishes its files. Sent again, nothing changes.
 * @throws NightshiftError `model_refused`, `invalid_request`; `conflict` when the version was published with other files
 */
export async function admitFolder(
  objects: AdmissionStore,
  register: RegisterModel,
  upload: UploadedFolder,
): Promise<AdmittedModel> {
  const { name, description, family, sample, source } = upload.declaration;
  const { loaded, files, networkPath, place } = await openFolder(upload);
  const { version, sha256, pipeline } = loaded;
  const manifest: ModelManifest = {
    name,
    version,
    ...(description !== undefined && { description }),
    family,
    sha256,
    sizeBytes: files.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
    requestUrl: endpointsOf(name, pipeline)[0],
    pipeline,
    folder: { networkPath, files },
    ...(source && { source }),
  };
  const probed = await probeModel(loaded, sample, manifest.sizeBytes);
  for (const { path, sha256: hash } of files) await putFileOnce(objects, objectKeys.modelFile(hash), place(path));
  await publishManifest(objects, manifest);
  await register({ name, version, family, sha256, manifest });
  return { manifest, probed };
}

/** A folder as the runner opens it. */
export interface OpenedFolder {
  readonly loaded: LoadedModel;
  /** Those of the folder that make up the model. */
  readonly files: UploadedFolder['files'];
  readonly networkPath: string;
  /** Where a file of it lies. */
  readonly place: (path: string) => string;
}

/** Recognises what a folder is, and reads its network for what it must not hold. @throws as `admitFolder` */
export async function openFolder(upload: UploadedFolder): Promise<OpenedFolder> {
  const { declaration, root, files: sent } = upload;
  const selected = selectModelFiles(
    sent.map(({ path }) => path),
    declaration.variant,
  );
  const files = selected.paths.flatMap((path) => sent.filter((file) => file.path === path));
  const { networkPath } = selected;
  const place = (path: string): string => join(root, ...path.split('/'));
  const beside = files.filter(({ path }) => path !== networkPath && posix.dirname(path) === posix.dirname(networkPath));
  const sizes = Object.fromEntries(beside.map(({ path, sizeBytes }) => [posix.basename(path), sizeBytes]));
  const network = await inspectFile(place(networkPath), sizes);
  const pipeline = await recogniseFolder(upload, selected, network.quantisesDynamically);
  checkDeclared(pipeline, network);

  const sha256 = folderSha256(files);
  const loaded: LoadedModel = {
    name: declaration.name,
    // Without a word of the user's, the version is its content.
    version: declaration.version ?? sha256.slice(0, 12),
    sha256,
    modelPath: place(networkPath),
    assetPaths: Object.fromEntries(files.map(({ path, sha256: hash }) => [hash, place(path)])),
    filePaths: Object.fromEntries(files.map(({ path }) => [path, place(path)])),
    pipeline,
  };
  return { loaded, files, networkPath, place };
}
