import { z } from 'zod';

import { DEFAULT_MODEL_FAMILY, modelManifestSchema, pipelineSchema, type ModelFolder } from './models.ts';

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

const POOLINGS = ['mean', 'cls', 'last'] as const;

/** What a user states of a folder to be added; what it is follows from its files. */
export const folderDeclarationSchema = z.strictObject({
  name: fields.name,
  version: fields.version.optional(),
  description: fields.description,
  family: fields.family.default(DEFAULT_MODEL_FAMILY),
  /** Which of its networks, where it has several: q4, fp16, quantized, ... */
  variant: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/, 'must be letters, digits, "_" or "-"')
    .optional(),
  /** Of an embedding model whose folder does not say it. */
  pooling: z.enum(POOLINGS).optional(),
  /** Labels that flag a text, of a classifier. */
  flagging: z.array(z.string().min(1).max(200)).max(1_000).optional(),
  sample: z.record(z.string(), z.unknown()).optional(),
  source: fields.source,
});
export type FolderDeclaration = z.output<typeof folderDeclarationSchema>;

/** A folder as it was sent: its files lie below `root` under their paths, and nothing else does. */
export interface UploadedFolder {
  readonly declaration: FolderDeclaration;
  readonly root: string;
  readonly files: ModelFolder['files'];
}

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
