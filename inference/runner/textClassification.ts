import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import type { TextClassificationPipeline } from '../../domain/models.ts';
import type { AnswerRequest } from './imageCtc.ts';
import { parseBody } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';
import { textEncoder } from './textEncoder.ts';
import { openHuggingfaceTokenizer, withinLimit } from './tokenizer.ts';

const MAX_INPUTS = 2_048;
const TEXTS_PER_RUN = 32;
const FLAGGED_FROM = 0.5;

export const moderationRequestSchema = z.strictObject({
  model: z.string().optional(),
  input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(MAX_INPUTS)]),
  truncate: z.boolean().nullish(),
});

/** OpenAI's moderations: a score for each label of the model, and whether one of those that flag is likely. */
export async function textClassificationPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: TextClassificationPipeline,
): Promise<AnswerRequest> {
  const tokenizer = await openHuggingfaceTokenizer(model, pipeline.tokenizer);
  const encode = textEncoder(session, ['logits']);
  const flagging = new Set(pipeline.flagging);

  return async (body) => {
    const { input, truncate } = parseBody(moderationRequestSchema, body);
    const inputs = typeof input === 'string' ? [input] : input;
    const limit = { maxTokens: pipeline.maxTokens, truncate: truncate ?? pipeline.truncate };
    const texts = inputs.map((text, index) => {
      const param = typeof input === 'string' ? 'input' : `input.${index}`;
      return withinLimit(tokenizer.encode(text), { ...limit, endTokens: tokenizer.endTokens, param });
    });
    const results: object[] = [];
    for (let start = 0; start < texts.length; start += TEXTS_PER_RUN) {
      const { data, dims } = await encode(texts.slice(start, start + TEXTS_PER_RUN));
      const labels = pipeline.labels.length;
      if (dims.length !== 2 || dims[1] !== labels) {
        throw new Error(`The network gave scores of shape ${dims.join(' x ')}, but its manifest has ${labels} labels.`);
      }
      for (let row = 0; row * labels < data.length; row++) {
        results.push(resultOf(pipeline, flagging, data.subarray(row * labels, (row + 1) * labels)));
      }
    }
    const promptTokens = texts.reduce((sum, { ids }) => sum + ids.length, 0);
    const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
    return { statusCode: 200, body: { id: `modr-${model.sha256.slice(0, 24)}`, model: model.name, results, usage } };
  };
}

function resultOf(
  { labels, scores }: TextClassificationPipeline,
  flagging: ReadonlySet<string>,
  logits: Float32Array,
): object {
  const probabilities = scores === 'sigmoid' ? Array.from(logits, sigmoid) : softmax(logits);
  const categoryScores = Object.fromEntries(labels.map((label, index) => [label, probabilities[index] ?? 0]));
  const categories = Object.fromEntries(
    labels.map((label, index) => [label, (probabilities[index] ?? 0) >= FLAGGED_FROM]),
  );
  const flagged = labels.some((label) => flagging.has(label) && categories[label] === true);
  return { flagged, categories, category_scores: categoryScores };
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const parts = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}
