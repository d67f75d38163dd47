import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import type { SelectedFolder } from '../../domain/modelFolders.ts';
import type { UploadedFolder } from '../../domain/modelUploads.ts';
import { pipelineSchema, type HuggingfaceTokenizer, type Pipeline } from '../../domain/models.ts';
import { refused } from '../admission/refused.ts';
import { CHAT_TEMPLATE_FILES, contextTokensOf, type StatedLengths } from './contextTokens.ts';
import { issueText } from '../../domain/issueText.ts';

const MAX_JSON_BYTES = 64 * 1024 * 1024;
const MAX_TOKENS = 32_768;
const UNSTATED_TOKENS = 512;
/** tokenizer_config.json writes 1e30 where the tokenizer has no limit. */
const NO_LIMIT = 1_000_000_000;
/** A label by these names says that nothing is wrong with a text. */
const HARMLESS = /^(safe|ok|okay|neutral|normal|clean|ham|positive|label_0|none|no|non?t?[-_ ].*)$/i;
/** Positions of these models count from 2. */
const OFFSET_POSITIONS = /roberta|camembert|xlm/i;

const count = z.number().int().min(1).optional().catch(undefined);
const configSchema = z.looseObject({
  architectures: z.array(z.string()).default([]),
  model_type: z.string().default(''),
  hidden_size: count,
  dim: count,
  max_position_embeddings: count,
  n_positions: count,
  id2label: z.record(z.string(), z.string()).optional(),
  problem_type: z.string().nullish(),
});
const tokenizerConfigSchema = z.looseObject({
  model_max_length: z.number().optional(),
  chat_template: z.unknown().optional(),
});
const genaiSchema = z.looseObject({
  model: z.looseObject({
    context_length: count,
    decoder: z.looseObject({ filename: z.string().optional() }).optional(),
  }),
  search: z.looseObject({ max_length: count }).optional(),
});
const poolingSchema = z.looseObject({ word_embedding_dimension: count });
const modulesSchema = z.array(z.looseObject({ type: z.string() }));
const sentenceSchema = z.looseObject({ max_seq_length: count });

/**
 * What the model of a folder is for and how it is asked, by the files that its makers wrote.
 * @param quantisesDynamically of its network
 * @throws NightshiftError `model_refused` with what is missing
 */
export async function recogniseFolder(
  { root, files, declaration }: UploadedFolder,
  { layout, networkPath }: SelectedFolder,
  quantisesDynamically: boolean,
): Promise<Pipeline> {
  const hashes = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const json = async <Output>(path: string, schema: z.ZodType<Output>): Promise<Output | undefined> =>
    hashes.has(path) ? readJson(root, path, schema) : undefined;

  const tokenizerSha256 = hashes.get('tokenizer.json');
  if (tokenizerSha256 === undefined) {
    throw refused('its folder has no tokenizer.json: save the fast tokenizer with tokenizer.save_pretrained(folder)');
  }
  const configSha256 = hashes.get('tokenizer_config.json');
  const tokenizer: HuggingfaceTokenizer = {
    kind: 'huggingface',
    tokenizerSha256,
    ...(configSha256 !== undefined && { configSha256 }),
  };
  const tokenizerConfig = await json('tokenizer_config.json', tokenizerConfigSchema);
  const generation = (stated: StatedLengths): Pipeline => ({
    kind: 'text-generation',
    layout,
    contextTokens: contextTokensOf(stated),
    chat: CHAT_TEMPLATE_FILES.some((path) => hashes.has(path)) || hasTemplate(tokenizerConfig),
    batchInvariant: !quantisesDynamically,
  });

  if (layout === 'onnxruntime-genai') {
    const genai = await json('genai_config.json', genaiSchema);
    const named = genai?.model.decoder?.filename;
    if (named !== undefined && named !== networkPath) {
      throw refused(`its genai_config.json names the network "${named}", but the folder has "${networkPath}"`);
    }
    return generation({ ...genai?.search, ...genai?.model });
  }
  const config = await json('config.json', configSchema);
  if (!config) throw refused('its folder has no config.json: save it with model.config.save_pretrained(folder)');
  const [architecture = ''] = config.architectures;
  const sentence = await json('sentence_bert_config.json', sentenceSchema);
  const positions = config.max_position_embeddings;
  const usable = positions && OFFSET_POSITIONS.test(config.model_type) ? positions - 2 : positions;
  if (/ForCausalLM$|LMHeadModel$/.test(architecture)) return generation(config);

  const limits = [sentence?.max_seq_length, tokenizerConfig?.model_max_length, usable];
  const stated = limits.filter((limit): limit is number => limit !== undefined && limit < NO_LIMIT);
  const maxTokens = Math.max(1, Math.min(MAX_TOKENS, ...stated, ...(stated.length === 0 ? [UNSTATED_TOKENS] : [])));
  if (architecture.endsWith('ForSequenceClassification')) {
    const labels = labelsOf(config.id2label);
    if (labels.length === 1) return { kind: 'rerank', tokenizer, maxTokens, truncate: true };
    const scores = config.problem_type === 'multi_label_classification' ? 'sigmoid' : 'softmax';
    const harmful = scores === 'sigmoid' ? labels : labels.filter((label) => !HARMLESS.test(label));
    const flagging = declaration.flagging ?? harmful;
    return checked({ kind: 'text-classification', tokenizer, maxTokens, truncate: true, labels, scores, flagging });
  }
  if (/For|Conditional/.test(architecture) && !architecture.endsWith('ForMaskedLM')) {
    throw refused(
      `its architecture is ${architecture}; causal language models, sentence encoders, classifiers of texts and ` +
        'cross-encoders are recognised: for anything else, add the network with a manifest',
    );
  }
  const pooling = await json('1_Pooling/config.json', poolingSchema);
  const modules = await json('modules.json', modulesSchema);
  return checked({
    kind: 'text-embedding',
    tokenizer,
    maxTokens,
    dimensions: pooling?.word_embedding_dimension ?? config.hidden_size ?? config.dim,
    pooling: declaration.pooling ?? poolingOf(pooling),
    ...(modules && !modules.some(({ type }) => type.endsWith('Normalize')) && { normalise: false }),
  });
}

function hasTemplate(config: z.output<typeof tokenizerConfigSchema> | undefined): boolean {
  return config?.chat_template !== undefined && config.chat_template !== null;
}

function poolingOf(config: z.output<typeof poolingSchema> | undefined): 'mean' | 'cls' | 'last' {
  if (!config) {
    throw refused('its folder does not say how token vectors become one: add 1_Pooling/config.json, or name --pooling');
  }
  if (config['pooling_mode_mean_tokens'] === true) return 'mean';
  if (config['pooling_mode_cls_token'] === true) return 'cls';
  if (config['pooling_mode_lasttoken'] === true) return 'last';
  const [mode = 'none'] = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  throw refused(`its pooling is ${mode}; mean, cls and last are served`);
}

function labelsOf(id2label: Readonly<Record<string, string>> | undefined): string[] {
  const labels = Object.entries(id2label ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  if (labels.length === 0) throw refused('its config.json has no id2label, which names what its scores stand for');
  return labels.map(([, label]) => label);
}

/** Numbers from its files are held against the limits that a manifest has. */
function checked(pipeline: unknown): Pipeline {
  const parsed = pipelineSchema.safeParse(pipeline);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refused(`its folder says of ${issue?.path.join('.')}: ${issueText(issue)}`);
}

async function readJson<Output>(root: string, path: string, schema: z.ZodType<Output>): Promise<Output> {
  const full = join(root, ...path.split('/'));
  if ((await stat(full)).size > MAX_JSON_BYTES) throw refused(`its ${path} has more than ${MAX_JSON_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse((await readFile(full, 'utf8')).replace(/^\uFEFF/, ''));
  } catch {
    throw refused(`its ${path} is not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refused(`its ${path} cannot be read: ${issue?.path.join('.')}: ${issueText(issue)}`);
}
