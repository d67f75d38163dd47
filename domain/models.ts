import { z } from 'zod';

import { AGENT_RELEASE } from './names.ts';
import { sha256Schema } from './sha256.ts';
import { TRAINING_ENDPOINT } from './training.ts';

export const slugSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be lower-case letters, digits, ".", "_" or "-"');
const nameSchema = z
  .string()
  .max(100, 'has at most 100 characters')
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/,
    'must be letters, digits, ".", "_" or "-", with at most one "/", e.g. BAAI/bge-small-en-v1.5',
  )
  .refine((name) => name !== AGENT_RELEASE, 'is the name of the agent’s own releases');

/** A path below a model's folder. No segment starts with a dot, so none leads out of it. */
export const modelFilePathSchema = z
  .string()
  .max(200, 'has at most 200 characters')
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*){0,4}$/,
    'must be a path below the folder, of letters, digits, ".", "_" and "-"',
  );
export const MAX_MODEL_FILES = 64;

export const modelFilesSchema = z
  .array(z.object({ path: modelFilePathSchema, sha256: sha256Schema, sizeBytes: z.number().int().min(1) }))
  .min(1)
  .max(MAX_MODEL_FILES);

/** The files of a model that is a folder; the manifest's `sha256` is then that of this list. */
const modelFolderSchema = z.object({
  /** Which of the files the runtime opens. */
  networkPath: modelFilePathSchema,
  files: modelFilesSchema,
});
export type ModelFolder = z.infer<typeof modelFolderSchema>;

/** tokenizer.json and tokenizer_config.json as Hugging Face writes them. */
const huggingfaceTokenizerSchema = z.object({
  kind: z.literal('huggingface'),
  tokenizerSha256: sha256Schema,
  configSha256: sha256Schema.optional(),
});
export type HuggingfaceTokenizer = z.infer<typeof huggingfaceTokenizerSchema>;
/** Longer inputs are refused, unless the request or the pipeline says `truncate`. */
const maxTokensSchema = z.number().int().min(1).max(32_768);

/** One line of text in a picture, scaled to a fixed height and read by a network with a CTC head (PP-OCR recognition). */
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
    huggingfaceTokenizerSchema,
  ]),
  maxTokens: maxTokensSchema,
  /** Whether an input that is too long is cut at its end; a request may say otherwise. */
  truncate: z.boolean().optional(),
  dimensions: z.number().int().min(1).max(16_384),
  /** Whether the leading dimensions stand for themselves, so that a caller may ask for fewer. */
  truncatable: z.boolean().default(false),
  /** Of the token vectors, where the network gives no sentence_embedding: their mean, the first, or the last one. */
  pooling: z.enum(['none', 'mean', 'cls', 'last']).default('none'),
  /** Whether vectors are given length 1: they are, unless it is false. */
  normalise: z.boolean().optional(),
});
export type TextEmbeddingPipeline = z.infer<typeof textEmbeddingPipelineSchema>;

/** Texts to scores of labels; the network gives a logit for each label. */
const textClassificationPipelineSchema = z.object({
  kind: z.literal('text-classification'),
  tokenizer: huggingfaceTokenizerSchema,
  maxTokens: maxTokensSchema,
  truncate: z.boolean().default(true),
  /** In the order of the logits. */
  labels: z.array(z.string().min(1).max(200)).min(2).max(1_000),
  /** `softmax`: one label is right. `sigmoid`: each may be. */
  scores: z.enum(['softmax', 'sigmoid']),
  /** Labels that flag a text in /v1/moderations when their score is at least 0.5. */
  flagging: z.array(z.string().min(1).max(200)).max(1_000),
});
export type TextClassificationPipeline = z.infer<typeof textClassificationPipelineSchema>;

/** A query and a document to how well the one answers the other (a cross-encoder); the network gives one logit. */
const rerankPipelineSchema = z.object({
  kind: z.literal('rerank'),
  tokenizer: huggingfaceTokenizerSchema,
  /** Of the query and the document together. */
  maxTokens: maxTokensSchema,
  truncate: z.boolean().default(true),
});
export type RerankPipeline = z.infer<typeof rerankPipelineSchema>;

/** A causal language model. Its tokenizer, template and generation defaults are files of its folder. */
const textGenerationPipelineSchema = z.object({
  kind: z.literal('text-generation'),
  /** Which files say what: of Hugging Face and transformers.js, or of onnxruntime-genai. */
  layout: z.enum(['huggingface', 'onnxruntime-genai']),
  /** Of the prompt and the answer together. */
  contextTokens: z.number().int().min(1).max(10_000_000),
  /** Whether the folder has a chat template. */
  chat: z.boolean(),
  /**
   * Whether a row's numbers do not depend on its neighbours, so that an interrupted answer ends in the same bytes.
   * Dynamically quantised networks cannot promise that.
   */
  batchInvariant: z.boolean(),
});
export type TextGenerationPipeline = z.infer<typeof textGenerationPipelineSchema>;

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

/** A graph that gives the loss and its gradients beside it (`nightshift train compile`). docs/training.md */
const trainingPipelineSchema = z.object({
  kind: z.literal('training'),
  /** All weights are one list of 32-bit floats, in this order. */
  weights: z
    .array(
      z.object({
        name: z.string().min(1).max(300),
        shape: z.array(z.number().int().min(1).max(100_000_000)).max(8),
        /** Of a table of which a step takes few rows: how many, of which alone the graph gives gradients. */
        rows: z.number().int().min(1).max(100_000_000).optional(),
      }),
    )
    .min(1)
    .max(10_000),
  /** Data and labels; the first length of each is the number of examples that a step takes. */
  inputs: z.array(tensorSpecSchema).min(1).max(64),
  loss: z.enum(['softmax-cross-entropy', 'mean-squared-error', 'output']),
  /** The output of the forward graph that is trained. */
  output: z.string().min(1).max(300),
  /** Whether the graph counts right answers. */
  counts: z.boolean(),
});
export type TrainingPipeline = z.infer<typeof trainingPipelineSchema>;

/** How requests become tensors and tensors become answers. */
export const pipelineSchema = z.discriminatedUnion('kind', [
  imageCtcPipelineSchema,
  textEmbeddingPipelineSchema,
  textClassificationPipelineSchema,
  rerankPipelineSchema,
  textGenerationPipelineSchema,
  tensorsPipelineSchema,
  trainingPipelineSchema,
]);
export type Pipeline = z.infer<typeof pipelineSchema>;

/** What networks of the BERT kind may ask of a text, as INT64 or INT32. */
export const ENCODER_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;

/** Hashes of what the pipeline needs beside the network. */
export function pipelineAssets(pipeline: Pipeline): string[] {
  switch (pipeline.kind) {
    case 'tensors':
    case 'text-generation':
    case 'training':
      return [];
    case 'image-ctc':
      return [pipeline.dictionarySha256];
    case 'text-embedding':
    case 'text-classification':
    case 'rerank': {
      const { tokenizer } = pipeline;
      if (tokenizer.kind === 'words') return [tokenizer.vocabularySha256];
      return [tokenizer.tokenizerSha256, ...(tokenizer.configSha256 ? [tokenizer.configSha256] : [])];
    }
    default:
      return pipeline satisfies never;
  }
}

const text = (name: string, shape: number[]): TensorSpec => ({ name, datatype: 'BYTES', shape });
const numbers = (name: string, shape: number[]): TensorSpec => ({ name, datatype: 'FP32', shape });

/** The tensors that the Open Inference Protocol names for the pipeline. */
export function pipelineTensors(pipeline: Pipeline): { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] } {
  switch (pipeline.kind) {
    case 'tensors':
      return pipeline;
    case 'image-ctc':
      return { inputs: [text('image', [1])], outputs: [text('text', [1]), numbers('confidence', [1])] };
    case 'text-embedding':
      return { inputs: [text('input', [-1])], outputs: [numbers('sentence_embedding', [-1, pipeline.dimensions])] };
    case 'text-classification':
      return { inputs: [text('input', [-1])], outputs: [numbers('scores', [-1, pipeline.labels.length])] };
    case 'rerank':
      return {
        inputs: [text('query', [1]), text('documents', [-1])],
        outputs: [numbers('relevance_score', [-1])],
      };
    case 'text-generation':
      return { inputs: [text('prompt', [1])], outputs: [text('text', [1])] };
    case 'training':
      return { inputs: pipeline.inputs, outputs: [numbers('loss', [])] };
    default:
      return pipeline satisfies never;
  }
}

/** Endpoints of each kind that are answered live and as batches; the first one stands in the manifest. */
const KIND_ENDPOINTS = {
  'text-embedding': ['/v1/embeddings'],
  'text-classification': ['/v1/moderations'],
  rerank: ['/v1/rerank'],
  'text-generation': ['/v1/chat/completions', '/v1/completions', '/v1/responses'],
} as const;
type NamedKind = keyof typeof KIND_ENDPOINTS;
export type OpenAiEndpoint = (typeof KIND_ENDPOINTS)[NamedKind][number];

function isNamedKind(kind: Pipeline['kind']): kind is NamedKind {
  return Object.hasOwn(KIND_ENDPOINTS, kind);
}

/** All endpoints that name the model in the request's body. */
export const OPENAI_ENDPOINTS: readonly OpenAiEndpoint[] = Object.values(KIND_ENDPOINTS).flat();

/** The `url`s of request lines that a model answers, the usual one first. */
export function endpointsOf(name: string, { kind }: Pick<Pipeline, 'kind'>): readonly [string, ...string[]] {
  // Of the batches that are a run's rounds: nobody else may ask for it.
  if (kind === 'training') return [TRAINING_ENDPOINT];
  return isNamedKind(kind) ? KIND_ENDPOINTS[kind] : [inferEndpoint(name)];
}

/** The endpoint of the Open Inference Protocol, which names the model itself; a slash in its name stands as %2F. */
export function inferEndpoint(name: string): string {
  return `/v2/models/${encodeURIComponent(name)}/infer`;
}

/** The model that an endpoint names, or undefined for one that names none. */
export function modelOfEndpoint(endpoint: string): string | undefined {
  const named = /^\/v2\/models\/([^/]+)\/infer$/.exec(endpoint)?.[1]?.replaceAll(/%2f/gi, '/');
  return nameSchema.safeParse(named).data;
}

/** The family of models that say nothing else. */
export const DEFAULT_MODEL_FAMILY = 'general';

/** Everything that a car needs to know of a model version; published once and never changed. */
export const modelManifestSchema = z.object({
  name: nameSchema,
  version: slugSchema,
  /** For people: what it is, and what it is not. */
  description: z.string().max(500).optional(),
  /** Names the task queue; models of a family run on the same cars. */
  family: slugSchema,
  /** Of the network's file; of a folder, what `folderSha256` makes of its list of files. */
  sha256: sha256Schema,
  /** Of all files that the manifest's sha256 covers. */
  sizeBytes: z.number().int().positive(),
  /** The usual `url` of request lines, and endpoint of batches; `endpointsOf` has the others. */
  requestUrl: z.string().startsWith('/'),
  pipeline: pipelineSchema,
  /** Undefined: the network is one file, and what its pipeline needs beside it is found by hash. */
  folder: modelFolderSchema.optional(),
  /** Where the model was pulled from, pinned. */
  source: z.object({ hub: z.url(), repository: z.string().max(200), revision: z.string().max(100) }).optional(),
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;
