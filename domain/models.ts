import { z } from 'zod';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in lower-case hex');
const slugSchema = z
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

/** How requests become tensors and tensors become answers. */
const pipelineSchema = z.discriminatedUnion('kind', [imageCtcPipelineSchema]);
export type Pipeline = z.infer<typeof pipelineSchema>;

/** Everything that a car needs to know of a model version; published once and never changed. */
export const modelManifestSchema = z.object({
  name: slugSchema,
  version: slugSchema,
  /** Names the task queue; models of a family run on the same cars. */
  family: slugSchema,
  sha256: sha256Schema,
  sizeBytes: z.number().int().positive(),
  /** The `url` of request lines, and the endpoint of the batch. */
  requestUrl: z.string().startsWith('/'),
  pipeline: pipelineSchema,
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;
