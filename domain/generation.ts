import { z } from 'zod';

/**
 * The requests of /v1/chat/completions and /v1/completions that are served, with every field that may be given. A field
 * that is not here is refused by its name: what is ignored would make another answer than the one that was asked for.
 */
export const GENERATION_LIMITS = {
  /** Over all texts of a request. */
  promptCharacters: 1_000_000,
  messages: 2_048,
  choices: 8,
  stops: 4,
  stopCharacters: 256,
  biasedTokens: 1_024,
  topLogprobs: 20,
  completionTokens: 131_072,
  tools: 128,
  metadataPairs: 16,
} as const;

const MODEL_CHARACTERS = 200;
const LARGEST_TOKEN_ID = 10_000_000;

/** Of a prompt: all of a request's texts together have no more. */
export const promptTextSchema = z.string().max(GENERATION_LIMITS.promptCharacters);
const text = promptTextSchema;

const textPartSchema = z.strictObject({ type: z.literal('text'), text });
const contentSchema = z.union([text, z.array(textPartSchema).min(1).max(GENERATION_LIMITS.messages)]);
export const toolNameSchema = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"');

const toolCallSchema = z.strictObject({
  id: z.string().min(1).max(200),
  type: z.literal('function'),
  function: z.strictObject({ name: toolNameSchema, arguments: text }),
});

const messageSchema = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.enum(['system', 'developer', 'user']),
    content: contentSchema,
    name: z.string().optional(),
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: contentSchema.nullish(),
    refusal: z.null().optional(),
    name: z.string().optional(),
    tool_calls: z.array(toolCallSchema).min(1).max(GENERATION_LIMITS.tools).optional(),
  }),
  z.strictObject({ role: z.literal('tool'), content: contentSchema, tool_call_id: z.string().min(1).max(200) }),
]);
export type ChatMessage = z.output<typeof messageSchema>;

const toolSchema = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: toolNameSchema,
    description: text.optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.literal(false).nullish(),
  }),
});

const responseFormatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: toolNameSchema,
      description: text.optional(),
      /** Which of its keywords are taken, the model's car says: it compiles them into token masks. */
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** A token id as text, to what is added to its logit. -100 bans the token. */
const logitBiasSchema = z
  .record(z.string().regex(/^\d{1,8}$/, 'must be a token id'), z.number().min(-100).max(100))
  .refine((bias) => Object.keys(bias).length <= GENERATION_LIMITS.biasedTokens, {
    message: `must name at most ${GENERATION_LIMITS.biasedTokens} tokens`,
  });

export const completionTokensSchema = z.number().int().min(1).max(GENERATION_LIMITS.completionTokens);
const penalty = z.number().min(-2).max(2);
const stop = z.string().min(1).max(GENERATION_LIMITS.stopCharacters);

/** What requests of all forms may have. null stands for "not given", as OpenAI's SDKs send it. */
export const everyFormFields = {
  model: z.string().min(1).max(MODEL_CHARACTERS),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stream: z.boolean().nullish(),
  /** Taken and without effect on the answer. */
  user: z.string().max(512).nullish(),
};

/** Beside `everyFormFields`; of chats and completions. */
const sharedFields = {
  ...everyFormFields,
  max_tokens: completionTokensSchema.nullish(),
  seed: z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).nullish(),
  stop: z.union([stop, z.array(stop).min(1).max(GENERATION_LIMITS.stops)]).nullish(),
  presence_penalty: penalty.nullish(),
  frequency_penalty: penalty.nullish(),
  logit_bias: logitBiasSchema.nullish(),
  n: z.number().int().min(1).max(GENERATION_LIMITS.choices).nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
};

/** Of conversations; taken and without effect on the answer. */
export const conversationFields = {
  parallel_tool_calls: z.literal(true).nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= GENERATION_LIMITS.metadataPairs, {
      message: `must have at most ${GENERATION_LIMITS.metadataPairs} pairs`,
    })
    .nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
};

/** A call cannot be forced: the model decides. */
export const toolChoiceSchema = z.enum(['none', 'auto']);
export const topLogprobsSchema = z.number().int().min(0).max(GENERATION_LIMITS.topLogprobs);

export const chatCompletionRequestSchema = z.strictObject({
  ...sharedFields,
  messages: z.array(messageSchema).min(1).max(GENERATION_LIMITS.messages),
  max_completion_tokens: completionTokensSchema.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: topLogprobsSchema.nullish(),
  response_format: responseFormatSchema.nullish(),
  tools: z.array(toolSchema).min(1).max(GENERATION_LIMITS.tools).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  store: z.literal(false).nullish(),
  ...conversationFields,
});
export type ChatCompletionRequest = z.output<typeof chatCompletionRequestSchema>;

const tokenIds = z.array(z.number().int().min(0).max(LARGEST_TOKEN_ID)).min(1).max(GENERATION_LIMITS.promptCharacters);

export const completionRequestSchema = z.strictObject({
  ...sharedFields,
  /** One prompt a request: a text, or the model's own token ids. */
  prompt: z.union([text.min(1), tokenIds]),
  /** Alternatives beside each token that was drawn. */
  logprobs: topLogprobsSchema.nullish(),
  echo: z.literal(false).nullish(),
});
export type CompletionRequest = z.output<typeof completionRequestSchema>;

/** A message's content as one text: its parts are joined as they stand. */
export function textOf(content: ChatMessage['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text).join('');
}
