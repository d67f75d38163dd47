import { endianness } from 'node:os';

import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import type { TextEmbeddingPipeline } from '../../domain/models.ts';
import type { AnswerRequest } from './imageCtc.ts';
import { BadRequest, unsupported } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';
import { textEncoder } from './textEncoder.ts';
import { openTokenizer, withinLimit, type TextTokenizer, type TextTokens } from './tokenizer.ts';

const MAX_INPUTS = 2_048;
const TEXTS_PER_RUN = 32;
const IS_LITTLE_ENDIAN = endianness() === 'LE';

const tokens = z.array(z.number().int().min(0)).min(1);
export const embeddingRequestSchema = z.strictObject({
  model: z.string().optional(),
  /** Of OpenAI's; nothing here depends on it. */
  user: z.string().nullish(),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(MAX_INPUTS),
    tokens,
    z.array(tokens).min(1).max(MAX_INPUTS),
  ]),
  // SDKs send null for what is not asked for.
  encoding_format: z
    .enum(['float', 'base64'])
    .nullish()
    .transform((format) => format ?? 'float'),
  dimensions: z.number().int().min(1).nullish(),
  /** Cut inputs that are too long, instead of the model's own way. */
  truncate: z.boolean().nullish(),
  /** The ids are of this model's own tokenizer. */
  x_token_ids: z
    .boolean()
    .nullish()
    .transform((mayBe) => mayBe ?? false),
});

/** OpenAI's embeddings: texts, or the model's own token ids, to vectors of length 1. */
export async function textEmbeddingPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: TextEmbeddingPipeline,
): Promise<AnswerRequest> {
  const tokenizer = await openTokenizer(model, pipeline.tokenizer);
  const embed = embedder(session, pipeline);

  return async (body) => {
    const request = parseBody(body);
    const { encoding_format: encoding, dimensions } = request;
    const length = keptDimensions(pipeline, dimensions);
    const texts = tokenised(request, tokenizer, pipeline);
    const data: object[] = [];
    for (let start = 0; start < texts.length; start += TEXTS_PER_RUN) {
      for (const vector of await embed(texts.slice(start, start + TEXTS_PER_RUN))) {
        // Fewer dimensions have length 1 again, as OpenAI's have.
        const kept = length === vector.length ? vector : unitLength(vector.subarray(0, length));
        data.push({
          object: 'embedding',
          index: data.length,
          embedding: encoding === 'base64' ? toBase64(kept) : [...kept],
        });
      }
    }
    const count = texts.reduce((sum, { ids }) => sum + ids.length, 0);
    const usage = { prompt_tokens: count, total_tokens: count };
    const { unknownId } = tokenizer;
    const meaningless = texts.flatMap(({ ids }, index) => (ids.every((id) => id === unknownId) ? [index] : []));
    const warnings = meaningless.map((index) => ({ index, message: 'The model knows no word of this input.' }));
    return {
      statusCode: 200,
      body: {
        object: 'list',
        data,
        model: model.name,
        usage,
        ...(warnings.length > 0 && { x_warnings: warnings }),
      },
    };
  };
}

function parseBody(body: unknown): z.output<typeof embeddingRequestSchema> {
  const parsed = embeddingRequestSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') throw unsupported(issue.keys[0] ?? '');
  const param = String(issue?.path[0] ?? 'body');
  const limits: Readonly<Record<string, string>> = {
    model: 'must be a text',
    user: 'must be a text',
    input: `must be a text, token ids, or a list of 1 to ${MAX_INPUTS} of either, none of them empty`,
    encoding_format: 'must be float or base64',
    dimensions: 'must be a whole number of at least 1',
    truncate: 'must be true or false',
    x_token_ids: 'must be true or false',
  };
  const limit = limits[param] ?? 'must be an object';
  throw new BadRequest('invalid_body', param, `${param} ${limit}.`);
}

function keptDimensions({ dimensions, truncatable }: TextEmbeddingPipeline, asked: number | null | undefined): number {
  if (asked === undefined || asked === null || asked === dimensions) return dimensions;
  if (truncatable && asked < dimensions) return asked;
  const limit = truncatable ? `at most ${dimensions}` : String(dimensions);
  throw new BadRequest(
    'invalid_dimensions',
    'dimensions',
    `This model has ${dimensions} dimensions: ask for ${limit}.`,
  );
}

function tokenised(
  { input, truncate, x_token_ids: mayBeIds }: z.output<typeof embeddingRequestSchema>,
  tokenizer: TextTokenizer,
  pipeline: TextEmbeddingPipeline,
): readonly TextTokens[] {
  const isOne = typeof input === 'string' || typeof input[0] === 'number';
  // One list of numbers is one input; TypeScript cannot tell that from its first element.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inputs = (isOne ? [input] : input) as readonly (string | readonly number[])[];
  return inputs.map((each, index) => {
    const param = isOne ? 'input' : `input.${index}`;
    if (typeof each !== 'string' && !mayBeIds) throw foreignTokens(param);
    const tokens = typeof each === 'string' ? tokenizer.encode(each) : { ids: each };
    const limit = { maxTokens: pipeline.maxTokens, truncate: truncate ?? pipeline.truncate === true, param };
    const kept = withinLimit(tokens, { ...limit, endTokens: tokenizer.endTokens });
    const { ids } = kept;
    // Some tokenizers have no id for what is not in their vocabulary.
    if (ids.length === 0 || !ids.every((id) => Number.isInteger(id) && id < tokenizer.size)) {
      const message = `${param} has a token that the model does not know; ids are below ${tokenizer.size}.`;
      throw new BadRequest('invalid_token', param, message);
    }
    return kept;
  });
}

/** LangChain and others send ids of OpenAI's cl100k by default; embedded by another vocabulary they mean nothing. */
function foreignTokens(param: string): BadRequest {
  const message =
    `${param} is a list of token ids, which mean something else in every vocabulary. Send texts: in LangChain, set ` +
    'check_embedding_ctx_length=False. If the ids are of this model’s own tokenizer, say so with "x_token_ids": true.';
  return new BadRequest('token_ids_refused', param, message);
}

/** Runs the network on a padded batch and gives a vector for each text. */
function embedder(
  session: InferenceSession,
  { dimensions, pooling, normalise }: TextEmbeddingPipeline,
): (texts: readonly TextTokens[]) => Promise<Float32Array[]> {
  const encode = textEncoder(session, ['sentence_embedding', 'last_hidden_state', 'token_embeddings']);
  const finished = (vector: Float32Array): Float32Array => (normalise === false ? vector : unitLength(vector));

  return async (texts) => {
    const { data, dims, lengths } = await encode(texts);
    if (dims.at(-1) !== dimensions || dims[0] !== texts.length) {
      throw new Error(
        `The network gave vectors of shape ${dims.join(' x ')}, but its manifest says ${dimensions} dimensions.`,
      );
    }
    if (dims.length === 2) {
      return texts.map((_, row) => finished(data.subarray(row * dimensions, (row + 1) * dimensions)));
    }
    const longest = Math.max(...lengths);
    if (pooling === 'none' || dims.length !== 3 || dims[1] !== longest) {
      throw new Error(
        `The network gave ${dims.length} dimensions, a vector each token: name the pooling, "mean", "cls" or "last".`,
      );
    }
    return lengths.map((length, row) => {
      const first = row * longest;
      if (pooling === 'mean') return finished(meanOfTokens(data, first, length, dimensions));
      const token = pooling === 'cls' ? first : first + length - 1;
      return finished(data.slice(token * dimensions, (token + 1) * dimensions));
    });
  };
}

function meanOfTokens(data: Float32Array, firstToken: number, count: number, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions);
  for (let token = firstToken; token < firstToken + count; token++) {
    for (let k = 0; k < dimensions; k++) sum[k] = (sum[k] ?? 0) + (data[token * dimensions + k] ?? 0);
  }
  return sum.map((entry) => entry / count);
}

function unitLength(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, entry) => sum + entry * entry, 0));
  return length === 0 ? vector : vector.map((entry) => entry / length);
}

/** Little-endian, as OpenAI's SDKs decode it. */
function toBase64(vector: Float32Array): string {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  return (IS_LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap32()).toString('base64');
}
