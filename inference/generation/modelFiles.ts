import { z } from 'zod';

import { contextTokensOf } from '../models/contextTokens.ts';
import { jsonOfFile } from '../models/jsonOfFile.ts';
import { openVocabulary, type Vocabulary } from './vocabulary.ts';
import { issueText } from '../../domain/issueText.ts';

/** Reads a file of the model's folder; undefined when it has none of that name. */
export type ReadModelFile = (path: string) => Promise<string | undefined>;

/** What the files beside the network say, in the layout of Hugging Face or of onnxruntime-genai. */
export interface LanguageModelFiles {
  readonly vocabulary: Vocabulary;
  /** Tokens that end an answer. */
  readonly endTokens: ReadonlySet<number>;
  readonly contextTokens: number;
  readonly chatTemplate: string | undefined;
  /** Texts of special tokens by their role, as templates want them, e.g. bos_token. */
  readonly specialTokens: Readonly<Record<string, string>>;
}

const tokenIdsSchema = z.union([z.number().int().min(0), z.array(z.number().int().min(0))]).nullish();
const configSchema = z.looseObject({
  max_position_embeddings: z.number().int().min(1).optional(),
  n_positions: z.number().int().min(1).optional(),
  eos_token_id: tokenIdsSchema,
});
const generationConfigSchema = z.looseObject({ eos_token_id: tokenIdsSchema });
const genaiConfigSchema = z.looseObject({
  search: z.looseObject({ max_length: z.number().int().min(1).optional() }).optional(),
  model: z.looseObject({ context_length: z.number().int().min(1).optional(), eos_token_id: tokenIdsSchema }),
});
const specialTokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const tokenizerConfigSchema = z.looseObject({
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
  bos_token: specialTokenSchema,
  eos_token: specialTokenSchema,
  pad_token: specialTokenSchema,
  unk_token: specialTokenSchema,
});

/** As older processors save it. */
const chatTemplateSchema = z.looseObject({ chat_template: z.string() });

/** @throws Error that names the file and what is wrong with it */
export async function readLanguageModelFiles(read: ReadModelFile): Promise<LanguageModelFiles> {
  const tokenizerJson = await read('tokenizer.json');
  if (tokenizerJson === undefined) throw new Error('The folder has no tokenizer.json.');
  const tokenizerConfigJson = await read('tokenizer_config.json');
  const parse = async <T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> =>
    parsed(path, await read(path), schema);
  const config = await parse('config.json', configSchema);
  const generation = await parse('generation_config.json', generationConfigSchema);
  const genaiConfig = await parse('genai_config.json', genaiConfigSchema);
  const genai = genaiConfig?.model;
  const tokenizer = parsed('tokenizer_config.json', tokenizerConfigJson, tokenizerConfigSchema);
  const vocabulary = openVocabulary(tokenizerJson, tokenizerConfigJson);

  const specialTokens: Record<string, string> = {};
  for (const role of ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const) {
    const token = tokenizer?.[role];
    if (token) specialTokens[role] = typeof token === 'string' ? token : token.content;
  }
  const endTokens = new Set([generation?.eos_token_id ?? genai?.eos_token_id ?? config?.eos_token_id ?? []].flat());
  const template = tokenizer?.chat_template;
  return {
    vocabulary,
    endTokens,
    contextTokens: contextTokensOf({ ...config, ...genaiConfig?.search, ...genai }),
    chatTemplate:
      (await read('chat_template.jinja')) ??
      (await parse('chat_template.json', chatTemplateSchema))?.chat_template ??
      (typeof template === 'string' ? template : template?.find(({ name }) => name === 'default')?.template),
    specialTokens,
  };
}

function parsed<T>(path: string, json: string | undefined, schema: z.ZodType<T>): T | undefined {
  if (json === undefined) return undefined;
  const result = schema.safeParse(jsonOfFile(path, json));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`${path}: ${issue?.path.join('.') || 'the file'}: ${issueText(issue)}.`);
}
