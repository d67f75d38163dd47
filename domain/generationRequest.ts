import type { z } from 'zod';

import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  GENERATION_LIMITS,
  textOf,
  type ChatCompletionRequest,
  type ChatMessage,
  type CompletionRequest,
} from './generation.ts';
import { issueText } from './issueText.ts';
import {
  chatOfResponse,
  inWordsOfResponses,
  itemsOf,
  responseRequestSchema,
  type ResponseRequest,
} from './responses.ts';

export type GenerationRequest =
  | { readonly kind: 'chat'; readonly request: ChatCompletionRequest }
  /** The same conversation as a chat, and as it was asked. */
  | { readonly kind: 'response'; readonly request: ChatCompletionRequest; readonly asked: ResponseRequest }
  | { readonly kind: 'completion'; readonly request: CompletionRequest };

/** What is wrong with a request: the field as its caller wrote it, and a sentence that says what to do. */
export interface RequestProblem {
  readonly code: 'unsupported_parameter' | 'invalid_body';
  readonly param: string;
  readonly message: string;
}

/** Reads a request's body: one that has `messages` is a chat, one that has `input` a response. */
export function readGenerationRequest(body: unknown): GenerationRequest | RequestProblem {
  if (hasField(body, 'messages')) {
    const parsed = chatCompletionRequestSchema.safeParse(body);
    if (!parsed.success) return problemOf(parsed.error, Object.keys(chatCompletionRequestSchema.shape));
    return checkedChat({ kind: 'chat', request: parsed.data });
  }
  if (hasField(body, 'input')) {
    const parsed = responseRequestSchema.safeParse(body);
    if (!parsed.success) return problemOf(parsed.error, Object.keys(responseRequestSchema.shape));
    return checkedResponse(parsed.data);
  }
  const parsed = completionRequestSchema.safeParse(body);
  if (!parsed.success) return problemOf(parsed.error, Object.keys(completionRequestSchema.shape));
  return checked({ kind: 'completion', request: parsed.data });
}

function hasField(body: unknown, name: string): boolean {
  return typeof body === 'object' && body !== null && name in body;
}

type Conversation = Exclude<GenerationRequest, { kind: 'completion' }>;

function checkedChat<Read extends Conversation>(read: Read): Read | RequestProblem {
  const { request } = read;
  if (request.top_logprobs != null && request.logprobs !== true) {
    return invalid('top_logprobs', 'top_logprobs needs logprobs: true.');
  }
  if (request.tools && request.response_format && request.response_format.type !== 'text') {
    return invalid('response_format', 'response_format cannot be JSON while tools are given; leave one of them out.');
  }
  if (charactersOf(request.messages) > GENERATION_LIMITS.promptCharacters) {
    return invalid('messages', `messages have more than ${GENERATION_LIMITS.promptCharacters} characters.`);
  }
  return checked(read);
}

/** Of a response all of whose conversation stands in it: what is stored, the API has put into its place before. */
function checkedResponse(asked: ResponseRequest): GenerationRequest | RequestProblem {
  if (asked.store === true || asked.previous_response_id != null) {
    const param = asked.store === true ? 'store' : 'previous_response_id';
    const message = `${param} is not supported in a batch: put the whole conversation into input.`;
    return { code: 'unsupported_parameter', param, message };
  }
  const reference = itemsOf(asked.input).findIndex(({ type }) => type === 'item_reference');
  if (reference !== -1) {
    const param = `input.${reference}`;
    return { code: 'unsupported_parameter', param, message: `${param}: a batch has no stored items to refer to.` };
  }
  const read = checkedChat({ kind: 'response', request: chatOfResponse(asked), asked });
  if ('kind' in read) return read;
  return { ...read, param: inWordsOfResponses(read.param), message: inWordsOfResponses(read.message) };
}

function checked<Read extends GenerationRequest>(read: Read): Read | RequestProblem {
  if (read.request.stream_options && read.request.stream !== true) {
    return invalid('stream_options', 'stream_options needs stream: true.');
  }
  return read;
}

function charactersOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + textOf(content).length, 0);
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
  return invalid(param, `${param}: ${issueText(issue)}.`);
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
