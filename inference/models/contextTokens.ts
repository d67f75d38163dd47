/** What config.json and genai_config.json say of lengths; a figure that is not there is undefined. */
export interface StatedLengths {
  readonly max_position_embeddings?: number | undefined;
  readonly n_positions?: number | undefined;
  readonly context_length?: number | undefined;
  /** Of a search in onnxruntime-genai. */
  readonly max_length?: number | undefined;
}

/** Where no file says a length: what the oldest causal models take. */
const UNSTATED_TOKENS = 1_024;

/** Tokens that a causal language model takes, its prompt and its answer together. */
export function contextTokensOf(stated: StatedLengths): number {
  const { context_length, max_length, max_position_embeddings, n_positions } = stated;
  return context_length ?? max_length ?? max_position_embeddings ?? n_positions ?? UNSTATED_TOKENS;
}

/** Files that may have the chat template, the first that is there counts; else tokenizer_config.json may. */
export const CHAT_TEMPLATE_FILES = ['chat_template.jinja', 'chat_template.json'] as const;
