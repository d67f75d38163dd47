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

const text = z.string().max(GENERATION_LIMITS.promptCharacters);

const textPartSchema = z.strictObject({ type: z.literal('text'), text });
const contentSchema = z.union([text, z.array(textPartSchema).min(1).max(GENERATION_LIMITS.messages)]);
const toolNameSchema = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"');

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

const completionTokens = z.number().int().min(1).max(GENERATION_LIMITS.completionTokens);
const penalty = z.number().min(-2).max(2);
const stop = z.string().min(1).max(GENERATION_LIMITS.stopCharacters);

/** null stands for "not given", as OpenAI's SDKs send it. */
const sharedFields = {
  model: z.string().min(1).max(MODEL_CHARACTERS),
  max_tokens: completionTokens.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).nullish(),
  stop: z.union([stop, z.array(stop).min(1).max(GENERATION_LIMITS.stops)]).nullish(),
  presence_penalty: penalty.nullish(),
  frequency_penalty: penalty.nullish(),
  logit_bias: logitBiasSchema.nullish(),
  n: z.number().int().min(1).max(GENERATION_LIMITS.choices).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  /** Taken and without effect on the answer. */
  user: z.string().max(512).nullish(),
};

export const chatCompletionRequestSchema = z.strictObject({
  ...sharedFields,
  messages: z.array(messageSchema).min(1).max(GENERATION_LIMITS.messages),
  max_completion_tokens: completionTokens.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(GENERATION_LIMITS.topLogprobs).nullish(),
  response_format: responseFormatSchema.nullish(),
  tools: z.array(toolSchema).min(1).max(GENERATION_LIMITS.tools).nullish(),
  /** A call cannot be forced: the model decides. */
  tool_choice: z.enum(['none', 'auto']).nullish(),
  parallel_tool_calls: z.literal(true).nullish(),
  store: z.literal(false).nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= GENERATION_LIMITS.metadataPairs, {
      message: `must have at most ${GENERATION_LIMITS.metadataPairs} pairs`,
    })
    .nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
});
export type ChatCompletionRequest = z.output<typeof chatCompletionRequestSchema>;

const tokenIds = z.array(z.number().int().min(0).max(LARGEST_TOKEN_ID)).min(1).max(GENERATION_LIMITS.promptCharacters);

export const completionRequestSchema = z.strictObject({
  ...sharedFields,
  /** One prompt a request: a text, or the model's own token ids. */
  prompt: z.union([text.min(1), tokenIds]),
  /** Alternatives beside each token that was drawn. */
  logprobs: z.number().int().min(0).max(GENERATION_LIMITS.topLogprobs).nullish(),
  echo: z.literal(false).nullish(),
});
export type CompletionRequest = z.output<typeof completionRequestSchema>;

export type GenerationRequest =
  | { readonly kind: 'chat'; readonly request: ChatCompletionRequest }
  | { readonly kind: 'completion'; readonly request: CompletionRequest };

/** What is wrong with a request: the field as its caller wrote it, and a sentence that says what to do. */
export interface RequestProblem {
  readonly code: 'unsupported_parameter' | 'invalid_body';
  readonly param: string;
  readonly message: string;
}

/** Reads a request's body; one that has `messages` is a chat. */
export function readGenerationRequest(body: unknown): GenerationRequest | RequestProblem {
  if (isChat(body)) {
    const parsed = chatCompletionRequestSchema.safeParse(body);
    if (!parsed.success) return problemOf(parsed.error, Object.keys(chatCompletionRequestSchema.shape));
    const request = parsed.data;
    if (request.top_logprobs != null && request.logprobs !== true) {
      return invalid('top_logprobs', 'top_logprobs needs logprobs: true.');
    }
    if (request.tools && request.response_format && request.response_format.type !== 'text') {
      return invalid('response_format', 'response_format cannot be JSON while tools are given; leave one of them out.');
    }
    return checked({ kind: 'chat', request }, charactersOf(request.messages));
  }
  const parsed = completionRequestSchema.safeParse(body);
  if (!parsed.success) return problemOf(parsed.error, Object.keys(completionRequestSchema.shape));
  return checked({ kind: 'completion', request: parsed.data }, 0);
}

/** Whether a body asks for a chat, by its field `messages`. */
function isChat(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'messages' in body;
}

function checked(read: GenerationRequest, characters: number): GenerationRequest | RequestProblem {
  if (read.request.stream_options && read.request.stream !== true) {
    return invalid('stream_options', 'stream_options needs stream: true.');
  }
  if (characters > GENERATION_LIMITS.promptCharacters) {
    return invalid('messages', `messages have more than ${GENERATION_LIMITS.promptCharacters} characters.`);
  }
  return read;
}

function charactersOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + textOf(content).length, 0);
}

/** A message's content as one text: its parts are joined as they stand. */
export function textOf(content: ChatMessage['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text).join('');
}

function invalid(param: string, message: string): RequestProblem {
  return { code: 'invalid_body', param, message };
}

function problemOf(error: z.ZodError, supported: readonly string[]): RequestProblem {
  const issue = deepest(error.issues);
  const path = issue?.path.map(String) ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const param = [...path, shown(issue.keys[0] ?? '')].join('.');
    const known = path.length === 0 ? ` Supported are ${supported.join(', ')}.` : ' Leave it out.';
    return { code: 'unsupported_parameter', param, message: `${param} is not supported.${known}` };
  }
  const param = path.join('.') || 'body';
  return invalid(param, `${param}: ${issue?.message ?? 'is not as it must be'}.`);
}

/** Of the ways in which a value fails a union, the one that got furthest says most. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  const [issue] = issues;
  if (issue?.code !== 'invalid_union') return issue;
  const branches = issue.errors.map(deepest).filter((inner) => inner !== undefined);
  const furthest = branches.sort((a, b) => b.path.length - a.path.length)[0];
  if (furthest === undefined || furthest.path.length === 0) return issue;
  return { ...furthest, path: [...issue.path, ...furthest.path] };
}

/** Names come from the caller: cut, so that a message stays a message. */
function shown(name: string): string {
  return name.slice(0, 60);
}
