import { createHash } from 'node:crypto';

import { readGenerationRequest, type GenerationRequest } from '../../domain/generationRequest.ts';
import { inWordsOfResponses, type ResponseRequest } from '../../domain/responses.ts';
import { BadRequest } from '../runner/openInference.ts';
import type { ChatTemplate } from './chatTemplate.ts';
import type { GenerationTask } from './generationTask.ts';
import type { GrammarCompiler, JsonGrammar } from './jsonGrammar.ts';
import type { PhiloxKey } from './philox.ts';
import type { SamplingOptions } from './sampling.ts';
import { writesToolCalls } from './toolCalls.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A request as the engine computes it. */
export interface RequestPlan {
  readonly kind: GenerationRequest['kind'];
  /** A response's request, parts of which its answer repeats. */
  readonly asked: ResponseRequest | undefined;
  readonly promptTokens: readonly number[];
  readonly maxTokens: number;
  readonly choices: number;
  readonly sampling: SamplingOptions;
  readonly randomKey: PhiloxKey;
  readonly stops: readonly string[];
  /** Alternatives to tell at each token; undefined: no logprobs. */
  readonly topLogprobs: number | undefined;
  readonly parsesTools: boolean;
  readonly grammar: JsonGrammar | undefined;
}

export interface PlanContext {
  readonly vocabulary: Vocabulary;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly grammars: GrammarCompiler;
  /** Of the prompt and the answer together. */
  readonly contextTokens: number;
  /** Of the network: ids from here on it does not take. */
  readonly vocabularySize: number;
}

/** An answer without a stated limit ends here at the latest. */
const DEFAULT_CHAT_TOKENS = 4_096;
const DEFAULT_COMPLETION_TOKENS = 16;

/** @throws BadRequest */
export function planRequest(task: GenerationTask, context: PlanContext): RequestPlan {
  const read = readGenerationRequest(task.body);
  if (!('kind' in read)) throw new BadRequest(read.code, read.param, read.message);
  try {
    return planOf(read, task, context);
  } catch (error) {
    if (!(error instanceof BadRequest) || read.kind !== 'response') throw error;
    throw new BadRequest(error.code, inWordsOfResponses(error.param), inWordsOfResponses(error.message));
  }
}

function planOf(read: GenerationRequest, task: GenerationTask, context: PlanContext): RequestPlan {
  const { request } = read;
  const promptTokens = promptOf(read, task.createdAtSeconds, context);
  const { maxTokens, param } = tokenLimit(read);
  const room = context.contextTokens - promptTokens.length;
  if (room < 1 || (param !== undefined && maxTokens > room)) {
    const asked = param === undefined ? '' : ` and ${param} asks for ${maxTokens} more`;
    throw new BadRequest(
      'context_length_exceeded',
      read.kind === 'completion' ? 'prompt' : 'messages',
      `The prompt has ${promptTokens.length} tokens${asked}; the model takes ${context.contextTokens} in all.`,
    );
  }
  const logprobs =
    read.kind === 'completion'
      ? read.request.logprobs
      : read.request.logprobs
        ? (read.request.top_logprobs ?? 0)
        : null;
  return {
    kind: read.kind,
    asked: read.kind === 'response' ? read.asked : undefined,
    promptTokens,
    maxTokens: Math.min(maxTokens, room),
    choices: request.n ?? 1,
    sampling: {
      temperature: request.temperature ?? 1,
      topP: request.top_p ?? 1,
      presencePenalty: request.presence_penalty ?? 0,
      frequencyPenalty: request.frequency_penalty ?? 0,
      logitBias: biasOf(request.logit_bias ?? {}, context.vocabularySize),
    },
    randomKey: randomKey(
      request.seed == null ? `request\n${task.id}` : `seed\n${request.seed}\n${promptTokens.join(' ')}`,
    ),
    stops: [request.stop ?? []].flat(),
    topLogprobs: logprobs ?? undefined,
    parsesTools: read.kind !== 'completion' && read.request.tools != null && read.request.tool_choice !== 'none',
    grammar: grammarOf(read, context.grammars),
  };
}

function promptOf(
  read: GenerationRequest,
  createdAtSeconds: number,
  { vocabulary, chatTemplate, vocabularySize }: PlanContext,
): readonly number[] {
  if (read.kind !== 'completion') {
    if (!chatTemplate) {
      throw new BadRequest('unsupported_endpoint', 'messages', 'The model has no chat template; use /v1/completions.');
    }
    if (read.request.tools && !(chatTemplate.takesTools && writesToolCalls(chatTemplate.source))) {
      throw new BadRequest(
        'unsupported_parameter',
        'tools',
        'tools is not supported: the model’s template has no calls.',
      );
    }
    const text = chatTemplate.render(read.request, createdAtSeconds);
    return knownTokens(vocabulary.encode(text, { addSpecialTokens: false }), 'messages', vocabularySize);
  }
  const { prompt } = read.request;
  const ids = typeof prompt === 'string' ? vocabulary.encode(prompt, { addSpecialTokens: true }) : prompt;
  return knownTokens(ids, 'prompt', vocabularySize);
}

/** Tokenizers give undefined for what they cannot spell, and may have more tokens than their network. */
function knownTokens(ids: readonly number[], param: string, size: number): readonly number[] {
  if (ids.length === 0) throw new BadRequest('invalid_body', param, `${param} has no tokens.`);
  if (ids.every((id) => Number.isInteger(id) && id < size)) return ids;
  throw new BadRequest(
    'invalid_token',
    param,
    `${param} has a token that the model does not know; ids are below ${size}.`,
  );
}

function tokenLimit({ kind, request }: GenerationRequest): { maxTokens: number; param?: string } {
  if (kind !== 'completion' && request.max_completion_tokens != null) {
    return { maxTokens: request.max_completion_tokens, param: 'max_completion_tokens' };
  }
  if (request.max_tokens != null) return { maxTokens: request.max_tokens, param: 'max_tokens' };
  return { maxTokens: kind === 'completion' ? DEFAULT_COMPLETION_TOKENS : DEFAULT_CHAT_TOKENS };
}

function biasOf(bias: Readonly<Record<string, number>>, size: number): ReadonlyMap<number, number> {
  return new Map(
    Object.entries(bias).map(([id, value]) => {
      if (Number(id) < size) return [Number(id), value];
      throw new BadRequest('invalid_token', `logit_bias.${id}`, `logit_bias.${id}: ids are below ${size}.`);
    }),
  );
}

function grammarOf(read: GenerationRequest, grammars: GrammarCompiler): JsonGrammar | undefined {
  if (read.kind === 'completion') return undefined;
  const format = read.request.response_format;
  if (!format || format.type === 'text') return undefined;
  return format.type === 'json_object' ? grammars.anyObject() : grammars.schema(format.json_schema.schema);
}

function randomKey(text: string): PhiloxKey {
  const hash = createHash('sha256').update(text).digest();
  return [hash.readUInt32LE(0), hash.readUInt32LE(4)];
}
