import { NightshiftError } from './errors.ts';
import { MAX_MODEL_FILES, modelFilePathSchema, type TextGenerationPipeline } from './models.ts';

/** Files that say how a model is used; taken when they are there. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'genai_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
]);
/** `model.onnx`, `onnx/model_q4.onnx`, `decoder_model_merged_fp16.onnx`: the rest of the name is the variant. */
const NETWORK = /^(?:onnx\/)?(?:decoder_)?model(?:_merged)?(?:_([A-Za-z0-9_-]+))?\.onnx$/;
const PLAIN_VARIANT = 'fp32';

export interface SelectedFolder {
  readonly layout: TextGenerationPipeline['layout'];
  readonly networkPath: string;
  readonly variant: string;
  /** All that is needed of the folder, the network and its weights included, sorted. */
  readonly paths: readonly string[];
}

/**
 * Which files of a folder make up a model: of Hugging Face and transformers.js, or of onnxruntime-genai.
 * @param paths of all its files, below the folder, with slashes
 * @param variant as the end of the network's name says it, e.g. q4; fp32 for one that says none
 * @throws NightshiftError `invalid_request` when the folder is none of those, or its variants need a choice
 */
export function selectModelFiles(paths: readonly string[], variant?: string): SelectedFolder {
  const layout = paths.includes('genai_config.json') ? 'onnxruntime-genai' : 'huggingface';
  const networks = new Map<string, string>();
  for (const path of [...paths].sort()) {
    const match = NETWORK.exec(path);
    const name = match?.[1] ?? PLAIN_VARIANT;
    if (match && !networks.has(name)) networks.set(name, path);
  }
  const variants = [...networks.keys()];
  const [only] = variants;
  const chosen = variant ?? (variants.length === 1 ? only : undefined);
  if (only === undefined) {
    const others = paths.filter((path) => path.endsWith('.onnx'));
    const found = others.length > 0 ? ` It has ${others.slice(0, 5).join(', ')}.` : '';
    throw invalid(
      'folder',
      `The folder has no network named model.onnx or onnx/model_<variant>.onnx: export it to ONNX first, e.g. with optimum-cli export onnx.${found}`,
    );
  }
  if (chosen === undefined) {
    throw invalid('variant', `The folder has the variants ${variants.join(', ')}: choose one with --variant.`);
  }
  const networkPath = networks.get(chosen);
  if (networkPath === undefined) {
    throw invalid('variant', `The folder has no variant "${chosen}"; it has ${variants.join(', ')}.`);
  }
  const weights = new RegExp(`^${escaped(networkPath)}(?:[._]data(?:_\\d+)?)$`);
  const selected = paths.filter((path) => path === networkPath || weights.test(path) || DESCRIPTIONS.has(path)).sort();
  const odd = selected.find((path) => !modelFilePathSchema.safeParse(path).success);
  if (odd !== undefined) throw invalid('files', `The path "${odd}" is not one that a model's file may have.`);
  if (selected.length > MAX_MODEL_FILES) throw invalid('files', `A model has at most ${MAX_MODEL_FILES} files.`);
  return { layout, networkPath, variant: chosen, paths: selected };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}
