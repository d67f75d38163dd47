import { z } from 'zod';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in lower-case hex');
export const slugSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be lower-case letters, digits, ".", "_" or "-"');

/** One line of text in a grayscale picture of fixed height, read by a network with a CTC head (PP-OCR recognition). */
const imageCtcPipelineSchema = z.object({
  kind: z.literal('image-ctc'),
  heightPx: z.number().int().min(1).max(512),
  maxWidthPx: z.number().int().min(1).max(16_384),
  /** A pixel enters the network as (value / 255 - mean) / std, the same in each of its three channels. */
  normalisation: z.object({ mean: z.number(), std: z.number().positive() }),
  /** Classes are: 0 the CTC blank, then the dictionary's lines, then a space. */
  dictionarySha256: sha256Schema,
});
export type ImageCtcPipeline = z.infer<typeof imageCtcPipelineSchema>;

/** Texts to vectors of a fixed length. */
const textEmbeddingPipelineSchema = z.object({
  kind: z.literal('text-embedding'),
  tokenizer: z.discriminatedUnion('kind', [
    /** Words of a vocabulary, a token a line; of an LSA model. */
    z.object({ kind: z.literal('words'), vocabularySha256: sha256Schema }),
    /** tokenizer.json and tokenizer_config.json as Hugging Face writes them. */
    z.object({ kind: z.literal('huggingface'), tokenizerSha256: sha256Schema, configSha256: sha256Schema.optional() }),
  ]),
  /** Longer inputs are refused, never cut. */
  maxTokens: z.number().int().min(1).max(32_768),
  dimensions: z.number().int().min(1).max(16_384),
  /** Whether the leading dimensions stand for themselves, so that a caller may ask for fewer. */
  truncatable: z.boolean().default(false),
  /** `mean` of the token vectors where the network gives no sentence_embedding. */
  pooling: z.enum(['none', 'mean']).default('none'),
});
export type TextEmbeddingPipeline = z.infer<typeof textEmbeddingPipelineSchema>;

/** Datatypes of the Open Inference Protocol that tensors may have; FP16 in binary form only. */
export const TENSOR_DATATYPES = [
  'BOOL',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type TensorDatatype = (typeof TENSOR_DATATYPES)[number];

const tensorSpecSchema = z.object({
  name: z.string().min(1).max(200),
  datatype: z.enum(TENSOR_DATATYPES),
  /** -1: any length. */
  shape: z.array(z.number().int().min(-1).max(1_000_000_000)).max(8),
});
export type TensorSpec = z.infer<typeof tensorSpecSchema>;

/** Tensors as they are: whatever the network takes and gives. */
const tensorsPipelineSchema = z.object({
  kind: z.literal('tensors'),
  inputs: z.array(tensorSpecSchema).min(1).max(64),
  outputs: z.array(tensorSpecSchema).min(1).max(64),
});
export type TensorsPipeline = z.infer<typeof tensorsPipelineSchema>;

/** How requests become tensors and tensors become answers. */
export const pipelineSchema = z.discriminatedUnion('kind', [
  imageCtcPipelineSchema,
  textEmbeddingPipelineSchema,
  tensorsPipelineSchema,
]);
export type Pipeline = z.infer<typeof pipelineSchema>;

/** Hashes of what the pipeline needs beside the network. */
export function pipelineAssets(pipeline: Pipeline): string[] {
  if (pipeline.kind === 'tensors') return [];
  if (pipeline.kind === 'image-ctc') return [pipeline.dictionarySha256];
  const { tokenizer } = pipeline;
  if (tokenizer.kind === 'words') return [tokenizer.vocabularySha256];
  return [tokenizer.tokenizerSha256, ...(tokenizer.configSha256 ? [tokenizer.configSha256] : [])];
}

/** The tensors that the Open Inference Protocol names for the pipeline. */
export function pipelineTensors(pipeline: Pipeline): { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] } {
  if (pipeline.kind === 'tensors') return pipeline;
  if (pipeline.kind === 'image-ctc') {
    return {
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
      outputs: [
        { name: 'text', datatype: 'BYTES', shape: [1] },
        { name: 'confidence', datatype: 'FP32', shape: [1] },
      ],
    };
  }
  return {
    inputs: [{ name: 'input', datatype: 'BYTES', shape: [-1] }],
    outputs: [{ name: 'sentence_embedding', datatype: 'FP32', shape: [-1, pipeline.dimensions] }],
  };
}

/** The family of models that say nothing else. */
export const DEFAULT_MODEL_FAMILY = 'general';

/** Everything that a car needs to know of a model version; published once and never changed. */
export const modelManifestSchema = z.object({
  name: slugSchema,
  version: slugSchema,
  /** For people: what it is, and what it is not. */
  description: z.string().max(500).optional(),
  /** Names the task queue; models of a family run on the same cars. */
  family: slugSchema,
  sha256: sha256Schema,
  sizeBytes: z.number().int().positive(),
  /** The `url` of request lines, and the endpoint of the batch. */
  requestUrl: z.string().startsWith('/'),
  pipeline: pipelineSchema,
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;
