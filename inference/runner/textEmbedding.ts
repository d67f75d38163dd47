import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';

import { Tokenizer } from '@huggingface/tokenizers';
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import type { TextEmbeddingPipeline } from '../../domain/models.ts';
import type { AnswerRequest } from './imageCtc.ts';
import { lsaWords, LSA_UNKNOWN } from './lsaWords.ts';
import { BadRequest } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';

const MAX_INPUTS = 2_048;
const TEXTS_PER_RUN = 32;
const IS_LITTLE_ENDIAN = endianness() === 'LE';

const tokens = z.array(z.number().int().min(0)).min(1);
const bodySchema = z.object({
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
  dimensions: z
    .number()
    .int()
    .min(1)
    .nullish()
    .transform((count) => count ?? undefined),
});

type Tokenize = (text: string) => readonly number[];

interface VocabularyTokens {
  readonly tokenize: Tokenize;
  /** Ids that callers may send are below this. */
  readonly size: number;
}

/** OpenAI's embeddings: texts, or the model's own token ids, to vectors of length 1. */
export async function textEmbeddingPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: TextEmbeddingPipeline,
): Promise<AnswerRequest> {
  const vocabulary = await openTokenizer(model, pipeline);
  const embed = embedder(session, pipeline);

  return async (body) => {
    const { input, encoding_format: encoding, dimensions } = parseBody(body);
    const length = keptDimensions(pipeline, dimensions);
    const texts = tokenised(input, vocabulary, pipeline.maxTokens);
    const data: object[] = [];
    for (let start = 0; start < texts.length; start += TEXTS_PER_RUN) {
      for (const vector of await embed(texts.slice(start, start + TEXTS_PER_RUN))) {
        const kept = length === vector.length ? vector : unitLength(vector.subarray(0, length));
        data.push({
          object: 'embedding',
          index: data.length,
          embedding: encoding === 'base64' ? toBase64(kept) : [...kept],
        });
      }
    }
    const count = texts.reduce((sum, ids) => sum + ids.length, 0);
    const usage = { prompt_tokens: count, total_tokens: count };
    return { statusCode: 200, body: { object: 'list', data, model: model.name, usage } };
  };
}

function parseBody(body: unknown): z.output<typeof bodySchema> {
  const parsed = bodySchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const param = String(parsed.error.issues[0]?.path[0] ?? 'body');
  const limits: Readonly<Record<string, string>> = {
    input: `must be a text, token ids, or a list of 1 to ${MAX_INPUTS} of either, none of them empty`,
    encoding_format: 'must be float or base64',
    dimensions: 'must be a whole number of at least 1',
  };
  const limit = limits[param] ?? 'must be an object';
  throw new BadRequest('invalid_body', param, `${param} ${limit}.`);
}

function keptDimensions({ dimensions, truncatable }: TextEmbeddingPipeline, asked: number | undefined): number {
  if (asked === undefined || asked === dimensions) return dimensions;
  if (truncatable && asked < dimensions) return asked;
  const limit = truncatable ? `at most ${dimensions}` : String(dimensions);
  throw new BadRequest(
    'invalid_dimensions',
    'dimensions',
    `This model has ${dimensions} dimensions: ask for ${limit}.`,
  );
}

function tokenised(
  input: z.output<typeof bodySchema>['input'],
  { tokenize, size }: VocabularyTokens,
  maxTokens: number,
): readonly (readonly number[])[] {
  const isOne = typeof input === 'string' || typeof input[0] === 'number';
  // One list of numbers is one input; TypeScript cannot tell that from its first element.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inputs = (isOne ? [input] : input) as readonly (string | readonly number[])[];
  return inputs.map((each, index) => {
    const param = isOne ? 'input' : `input.${index}`;
    const ids = typeof each === 'string' ? tokenize(each) : each;
    if (ids.length > maxTokens) {
      const message = `${param} has ${ids.length} tokens; the model takes ${maxTokens}.`;
      throw new BadRequest('context_length_exceeded', param, message);
    }
    // Some tokenizers have no id for what is not in their vocabulary.
    if (!ids.every((id) => Number.isInteger(id) && id < size)) {
      throw new BadRequest(
        'invalid_token',
        param,
        `${param} has a token that the model does not know; ids are below ${size}.`,
      );
    }
    return ids;
  });
}

async function openTokenizer(model: LoadedModel, { tokenizer }: TextEmbeddingPipeline): Promise<VocabularyTokens> {
  const asset = async (sha256: string): Promise<string> => readFile(model.assetPaths[sha256] ?? '', 'utf8');
  if (tokenizer.kind === 'words') {
    const words = (await asset(tokenizer.vocabularySha256)).split('\n');
    const ids = new Map(words.map((word, id) => [word, id]));
    const unknown = ids.get(LSA_UNKNOWN) ?? 0;
    return {
      size: words.length,
      tokenize: (text) => {
        const found = lsaWords(text).map((word) => ids.get(word) ?? unknown);
        // A text of signs alone has no words; it is one unknown.
        return found.length > 0 ? found : [unknown];
      },
    };
  }
  const config = tokenizer.configSha256 === undefined ? {} : jsonObject(await asset(tokenizer.configSha256));
  const json = jsonObject(await asset(tokenizer.tokenizerSha256));
  const encoder = new Tokenizer(json, config);
  return {
    // The network checks ids against its own table; it is not known here.
    size: Number.POSITIVE_INFINITY,
    tokenize: (text) => encoder.encode(text).ids,
  };
}

function jsonObject(text: string): object {
  return z.looseObject({}).parse(JSON.parse(text));
}

/** Runs the network on a padded batch and gives a vector of length 1 for each text. */
function embedder(
  session: InferenceSession,
  { dimensions, pooling }: TextEmbeddingPipeline,
): (texts: readonly (readonly number[])[]) => Promise<Float32Array[]> {
  const outputName =
    session.outputNames.find((name) => name === 'sentence_embedding') ??
    session.outputNames.find((name) => name === 'last_hidden_state' || name === 'token_embeddings') ??
    session.outputNames[0];
  if (outputName === undefined) throw new Error('The network has no output.');

  return async (texts) => {
    const longest = Math.max(...texts.map((ids) => ids.length));
    const shape = [texts.length, longest];
    const ids = new BigInt64Array(texts.length * longest);
    const mask = new BigInt64Array(texts.length * longest);
    for (const [row, text] of texts.entries()) {
      for (const [column, id] of text.entries()) {
        ids[row * longest + column] = BigInt(id);
        mask[row * longest + column] = 1n;
      }
    }
    const known: Record<string, () => Tensor> = {
      input_ids: () => new Tensor('int64', ids, shape),
      attention_mask: () => new Tensor('int64', mask, shape),
      token_type_ids: () => new Tensor('int64', new BigInt64Array(ids.length), shape),
    };
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      const make = known[name];
      if (!make) throw new Error(`The network wants an input "${name}", which texts do not give.`);
      feeds[name] = make();
    }
    const output = (await session.run(feeds, [outputName]))[outputName];
    if (!(output?.data instanceof Float32Array)) throw new Error('The network gave no FP32 vectors.');
    const { data, dims } = output;
    if (dims.at(-1) !== dimensions || dims[0] !== texts.length) {
      throw new Error(`The network gave vectors of shape ${dims.join(' x ')}, not of ${dimensions} dimensions.`);
    }
    if (dims.length === 2) {
      return texts.map((_, row) => unitLength(data.subarray(row * dimensions, (row + 1) * dimensions)));
    }
    if (pooling !== 'mean' || dims.length !== 3 || dims[1] !== longest) {
      throw new Error(`The network gave ${dims.length} dimensions; name pooling "mean" for a vector each token.`);
    }
    return texts.map((text, row) => unitLength(sumOfTokens(data, row * longest, text.length, dimensions)));
  };
}

/** The mean but for its length. */
function sumOfTokens(data: Float32Array, firstToken: number, count: number, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions);
  for (let token = firstToken; token < firstToken + count; token++) {
    for (let k = 0; k < dimensions; k++) sum[k] = (sum[k] ?? 0) + (data[token * dimensions + k] ?? 0);
  }
  return sum;
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
