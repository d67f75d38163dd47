import { createHash } from 'node:crypto';

import { z } from 'zod';

import {
  completionTokensSchema,
  conversationFields,
  everyFormFields,
  GENERATION_LIMITS,
  promptTextSchema,
  toolChoiceSchema,
  toolNameSchema,
  topLogprobsSchema,
  type ChatCompletionRequest,
  type ChatMessage,
} from './generation.ts';

/**
 * The requests of /v1/responses that are served: text in, text out. A response is a chat in other words, and becomes one
 * before anything is computed; a field that is not here is refused by its name.
 */
const idSchema = z.string().min(1).max(200);
/** Of items that an earlier response gave and that are sent back. */
const givenFields = { id: idSchema.nullish(), status: z.enum(['in_progress', 'completed', 'incomplete']).nullish() };

const textPartSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_text'), text: promptTextSchema }),
  z.strictObject({
    type: z.literal('output_text'),
    text: promptTextSchema,
    annotations: z.array(z.unknown()).max(0).optional(),
    logprobs: z.array(z.unknown()).nullish(),
  }),
]);
const contentSchema = z.union([promptTextSchema, z.array(textPartSchema).min(1).max(GENERATION_LIMITS.messages)]);

const messageSchema = z.strictObject({
  type: z.literal('message').optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: contentSchema,
  ...givenFields,
});
const functionCallSchema = z.strictObject({
  type: z.literal('function_call'),
  call_id: idSchema,
  name: toolNameSchema,
  arguments: promptTextSchema,
  ...givenFields,
});
const functionOutputSchema = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: idSchema,
  output: contentSchema,
  ...givenFields,
});
/** An item of a stored response, by its id: the API puts the item in its place. */
const referenceSchema = z.strictObject({ type: z.literal('item_reference'), id: idSchema });

const itemSchema = z.union([functionCallSchema, functionOutputSchema, referenceSchema, messageSchema]);
export type ResponseInputItem = z.output<typeof itemSchema>;

const toolSchema = z.strictObject({
  type: z.literal('function'),
  name: toolNameSchema,
  description: promptTextSchema.nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.literal(false).nullish(),
});

const formatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: toolNameSchema,
    description: promptTextSchema.optional(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

export const responseRequestSchema = z.strictObject({
  ...everyFormFields,
  input: z.union([promptTextSchema.min(1), z.array(itemSchema).min(1).max(GENERATION_LIMITS.messages)]),
  instructions: promptTextSchema.nullish(),
  max_output_tokens: completionTokensSchema.nullish(),
  text: z.strictObject({ format: formatSchema.optional(), verbosity: z.literal('medium').nullish() }).nullish(),
  tools: z.array(toolSchema).max(GENERATION_LIMITS.tools).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  include: z.array(z.literal('message.output_text.logprobs')).max(1).nullish(),
  top_logprobs: topLogprobsSchema.nullish(),
  /** What does not fit into the model's context is refused, never cut. */
  truncation: z.literal('disabled').nullish(),
  /** Live only: the answer of a batch's line stands in its output file. */
  store: z.boolean().nullish(),
  /** Live only: of a stored response, whose conversation goes on. */
  previous_response_id: idSchema.nullish(),
  background: z.literal(false).nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.literal(false).optional() }).nullish(),
  ...conversationFields,
});
export type ResponseRequest = z.output<typeof responseRequestSchema>;

/** The input as items; a text is what the user says. */
export function itemsOf(input: ResponseRequest['input']): readonly ResponseInputItem[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : input;
}

/** The same conversation as a chat. Calls that follow each other, or an assistant's words, are one message of it. */
export function chatOfResponse(request: ResponseRequest): ChatCompletionRequest {
  const { model, temperature, top_p, instructions, max_output_tokens, text, tools, tool_choice, top_logprobs } =
    request;
  const messages: ChatMessage[] = instructions == null ? [] : [{ role: 'system', content: instructions }];
  for (const item of itemsOf(request.input)) addItem(messages, item);
  const format = text?.format;
  return {
    model,
    messages,
    temperature,
    top_p,
    max_completion_tokens: max_output_tokens,
    ...((request.include?.length || top_logprobs) && { logprobs: true, top_logprobs: top_logprobs ?? 0 }),
    ...(format && { response_format: chatFormat(format) }),
    ...(tools?.length && { tools: tools.map(chatTool) }),
    tool_choice,
  };
}

function addItem(messages: ChatMessage[], item: ResponseInputItem): void {
  if (item.type === 'item_reference') return;
  if (item.type === 'function_call_output') {
    messages.push({ role: 'tool', content: joined(item.output), tool_call_id: item.call_id });
  } else if (item.type === 'function_call') {
    const { call_id: id, name, arguments: given } = item;
    const call = { id, type: 'function' as const, function: { name, arguments: given } };
    const last = messages.at(-1);
    if (last?.role === 'assistant')
      messages[messages.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), call] };
    else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  } else messages.push({ role: item.role, content: joined(item.content) });
}

function joined(content: z.output<typeof contentSchema>): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

function chatFormat(format: z.output<typeof formatSchema>): NonNullable<ChatCompletionRequest['response_format']> {
  if (format.type !== 'json_schema') return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

function chatTool({ type, name, description, parameters }: z.output<typeof toolSchema>) {
  return { type, function: { name, ...(description != null && { description }), ...(parameters && { parameters }) } };
}

/** What is wrong with the chat, said of the response that it was made from. */
export function inWordsOfResponses(text: string): string {
  return text
    .replaceAll('response_format.json_schema.schema', 'text.format.schema')
    .replaceAll('response_format', 'text.format')
    .replaceAll('max_completion_tokens', 'max_output_tokens')
    .replaceAll(/\bmessages\b/g, 'input');
}

/** Ids of a response and its items: the same for every attempt at the request with this id. */
export function responseIds(requestId: string): {
  readonly response: string;
  readonly message: string;
  call(index: number): string;
} {
  const hash = createHash('sha256').update(requestId).digest('hex').slice(0, 32);
  return { response: `resp_${hash}`, message: `msg_${hash}`, call: (index) => `fc_${hash}_${index}` };
}

/** The id of the response that the item with this id came with; undefined for an id of somebody else's making. */
export function responseOfItem(itemId: string): string | undefined {
  const [, hash] = /^(?:msg|fc)_([0-9a-f]{32})(?:_\d+)?$/.exec(itemId) ?? [];
  return hash === undefined ? undefined : `resp_${hash}`;
}

/** What a response has from its first event to its last: what was asked, and nothing of the answer yet. */
export function responseFrame(
  asked: ResponseRequest,
  { id, createdAtSeconds }: { id: string; createdAtSeconds: number },
) {
  return {
    id,
    object: 'response' as const,
    created_at: createdAtSeconds,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    metadata: asked.metadata ?? {},
    model: asked.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: asked.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: asked.store ?? false,
    temperature: asked.temperature ?? 1,
    text: { format: asked.text?.format ?? { type: 'text' } },
    tool_choice: asked.tool_choice ?? 'auto',
    tools: asked.tools ?? [],
    top_logprobs: asked.top_logprobs ?? 0,
    top_p: asked.top_p ?? 1,
    truncation: 'disabled',
    usage: null,
    user: asked.user ?? null,
  };
}
