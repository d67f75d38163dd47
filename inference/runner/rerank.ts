import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import type { RerankPipeline } from '../../domain/models.ts';
import type { AnswerRequest } from './imageCtc.ts';
import { parseBody } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';
import { sigmoid } from './textClassification.ts';
import { textEncoder } from './textEncoder.ts';
import { openHuggingfaceTokenizer, withinLimit } from './tokenizer.ts';

const MAX_DOCUMENTS = 1_000;
const PAIRS_PER_RUN = 16;

export const rerankRequestSchema = z.strictObject({
  model: z.string().optional(),
  query: z.string().min(1),
  documents: z
    .array(z.union([z.string().min(1), z.strictObject({ text: z.string().min(1) })]))
    .min(1)
    .max(MAX_DOCUMENTS),
  top_n: z.number().int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
  truncate: z.boolean().nullish(),
});

/** Rerank as Cohere and Jina have it: documents by how well they answer the query, the best first. */
export async function rerankPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: RerankPipeline,
): Promise<AnswerRequest> {
  const tokenizer = await openHuggingfaceTokenizer(model, pipeline.tokenizer);
  const encode = textEncoder(session, ['logits']);

  return async (body) => {
    const {
      query,
      documents,
      top_n: most,
      return_documents: withText,
      truncate,
    } = parseBody(rerankRequestSchema, body);
    const texts = documents.map((document) => (typeof document === 'string' ? document : document.text));
    const limit = { maxTokens: pipeline.maxTokens, truncate: truncate ?? pipeline.truncate };
    const pairs = texts.map((text, index) =>
      withinLimit(tokenizer.encode(query, text), {
        ...limit,
        endTokens: tokenizer.endTokens,
        param: `documents.${index}`,
      }),
    );
    const scores: number[] = [];
    for (let start = 0; start < pairs.length; start += PAIRS_PER_RUN) {
      const { data, dims } = await encode(pairs.slice(start, start + PAIRS_PER_RUN));
      if (data.length !== dims[0]) {
        throw new Error(`The network gave scores of shape ${dims.join(' x ')}, not one for each document.`);
      }
      scores.push(...Array.from(data, sigmoid));
    }
    const ranked = scores.map((score, index) => ({
      index,
      relevance_score: score,
      ...(withText === true && { document: { text: texts[index] } }),
    }));
    // Equal scores keep the order of the documents: the same bytes from any car.
    ranked.sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index);
    const total = pairs.reduce((sum, { ids }) => sum + ids.length, 0);
    const usage = { prompt_tokens: total, total_tokens: total };
    return {
      statusCode: 200,
      body: { model: model.name, object: 'list', results: ranked.slice(0, most ?? ranked.length), usage },
    };
  };
}
