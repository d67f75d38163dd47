import { z } from 'zod';

import { DEFAULT_MODEL_FAMILY, modelManifestSchema, pipelineSchema } from './models.ts';

const fields = modelManifestSchema.shape;

/**
 * What a user states of a model to be added; the rest of the manifest follows from its file. Hashes of what the pipeline
 * needs beside the network are those of the files sent along.
 */
export const modelDeclarationSchema = z.strictObject({
  name: fields.name,
  version: fields.version.optional(),
  description: fields.description,
  family: fields.family.default(DEFAULT_MODEL_FAMILY),
  pipeline: pipelineSchema,
  /** A request body of the usual kind: the probe measures with it. Made up where the pipeline allows. */
  sample: z.record(z.string(), z.unknown()).optional(),
});
export type ModelDeclaration = z.output<typeof modelDeclarationSchema>;

/** A file as it was received, alone in a folder of ours. */
export interface ReceivedFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A model as it was sent. */
export interface UploadedModel {
  readonly declaration: ModelDeclaration;
  readonly network: ReceivedFile;
  /** Files that the pipeline needs beside the network, in any order. */
  readonly assets: readonly ReceivedFile[];
}
