import { readFile } from 'node:fs/promises';

import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';

import type { HuggingfaceTokenizer, TextEmbeddingPipeline } from '../../domain/models.ts';
import { jsonOfFile } from '../models/jsonOfFile.ts';
import { lsaWords, LSA_UNKNOWN } from './lsaWords.ts';
import { BadRequest } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';

export interface TextTokens {
  readonly ids: readonly number[];
  /** 0 for the first text, 1 for the second one of a pair; undefined: all 0. */
  readonly typeIds?: readonly number[];
}

export interface TextTokenizer {
  /** @param pair a second text that is read together with the first */
  encode(text: string, pair?: string): TextTokens;
  /** Ids that callers may send are below this. */
  readonly size: number;
  /** Of a vocabulary of words: stands for every word that it does not have. */
  readonly unknownId?: number;
  /** How many tokens at the end belong to the form and are kept when a text is cut. */
  readonly endTokens: number;
}

const modelSchema = z.looseObject({ vocab: z.unknown() });
const tokenizerSchema = z.looseObject({
  model: modelSchema,
  added_tokens: z.array(z.looseObject({ id: z.number().int() })).default([]),
});

/** The tokenizer that the pipeline names, read from the model's files. */
export async function openTokenizer(
  model: LoadedModel,
  tokenizer: TextEmbeddingPipeline['tokenizer'],
): Promise<TextTokenizer> {
  return tokenizer.kind === 'words'
    ? wordTokenizer(await assetText(model, tokenizer.vocabularySha256))
    : openHuggingfaceTokenizer(model, tokenizer);
}

export async function openHuggingfaceTokenizer(
  model: LoadedModel,
  { tokenizerSha256, configSha256 }: HuggingfaceTokenizer,
): Promise<TextTokenizer> {
  const json = tokenizerSchema.parse(jsonOfFile('tokenizer.json', await assetText(model, tokenizerSha256)));
  const config = z
    .looseObject({})
    .parse(configSha256 === undefined ? {} : jsonOfFile('tokenizer_config.json', await assetText(model, configSha256)));
  const encoder = new Tokenizer(json, config);
  const empty = encoder.encode('').ids;
  const bare = encoder.encode('', { add_special_tokens: false }).ids;
  const endTokens = Math.max(0, Math.ceil((empty.length - bare.length) / 2));
  return {
    size: vocabularySize(json),
    endTokens,
    encode: (text, pair) => {
      const { ids, token_type_ids: typeIds } = encoder.encode(text, {
        ...(pair !== undefined && { text_pair: pair }),
        return_token_type_ids: true,
      });
      return { ids, ...(typeIds && { typeIds }) };
    },
  };
}

function vocabularySize({ model: { vocab }, added_tokens: added }: z.output<typeof tokenizerSchema>): number {
  const words = Array.isArray(vocab) ? vocab.length : Object.keys(z.looseObject({}).parse(vocab ?? {})).length;
  return added.reduce((most, { id }) => Math.max(most, id + 1), words);
}

function wordTokenizer(vocabulary: string): TextTokenizer {
  const words = vocabulary.split('\n');
  const ids = new Map(words.map((word, id) => [word, id]));
  const unknownId = ids.get(LSA_UNKNOWN) ?? 0;
  return {
    size: words.length,
    unknownId,
    endTokens: 0,
    encode: (text) => {
      const found = lsaWords(text).map((word) => ids.get(word) ?? unknownId);
      // A text of signs alone has no words; it is one unknown.
      return { ids: found.length > 0 ? found : [unknownId] };
    },
  };
}

/**
 * The tokens if the model can take so many, or cut where that is allowed: at the end, before what closes a text.
 * @throws BadRequest
 */
export function withinLimit(tokens: TextTokens, { maxTokens, truncate, endTokens, param }: TokenLimit): TextTokens {
  const { ids, typeIds } = tokens;
  if (ids.length <= maxTokens) return tokens;
  if (!truncate) {
    const message = `${param} has ${ids.length} tokens; the model takes ${maxTokens}. Shorten it, or set truncate to true.`;
    throw new BadRequest('context_length_exceeded', param, message);
  }
  const kept = Math.max(0, maxTokens - endTokens);
  const cut = (all: readonly number[]): number[] => [
    ...all.slice(0, kept),
    ...all.slice(all.length - (maxTokens - kept)),
  ];
  return { ids: cut(ids), ...(typeIds && { typeIds: cut(typeIds) }) };
}

interface TokenLimit {
  readonly maxTokens: number;
  readonly truncate: boolean;
  readonly endTokens: number;
  /** The field that the text came in. */
  readonly param: string;
}

async function assetText(model: LoadedModel, sha256: string): Promise<string> {
  const path = model.assetPaths[sha256];
  if (path === undefined)
    throw new Error(`The model lacks the file with the sha256 ${sha256} that its pipeline names.`);
  return readFile(path, 'utf8');
}
