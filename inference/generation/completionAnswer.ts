import { createHash } from 'node:crypto';

import type { Answer } from '../../domain/answerLine.ts';
import type { Choice } from './choice.ts';
import type { GenerationTask } from './generationTask.ts';
import type { PlaceLogprobs } from './sampling.ts';
import { parseToolCalls } from './toolCalls.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface AnswerContext {
  readonly modelName: string;
  readonly vocabulary: Vocabulary;
  readonly systemFingerprint: string;
  /** False: another attempt at the same request may end in other words. */
  readonly batchInvariant: boolean;
}

/** A finished request as OpenAI's clients read it. It has nothing of the car, of the attempt or of its neighbours. */
export function completionAnswer(task: GenerationTask, choices: readonly Choice[], context: AnswerContext): Answer {
  const [first] = choices;
  const isChat = first?.plan.kind === 'chat';
  const promptTokens = first?.plan.promptTokens.length ?? 0;
  const completionTokens = choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const id = `${isChat ? 'chatcmpl' : 'cmpl'}-${createHash('sha256').update(task.id).digest('hex').slice(0, 24)}`;
  return {
    statusCode: 200,
    body: {
      id,
      object: isChat ? 'chat.completion' : 'text_completion',
      created: task.createdAtSeconds,
      model: context.modelName,
      system_fingerprint: context.systemFingerprint,
      choices: choices.map((choice) =>
        isChat ? chatChoice(choice, id, context.vocabulary) : textChoice(choice, context.vocabulary),
      ),
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
      },
      ...(!context.batchInvariant && { x_grid: { reproducible: false } }),
    },
  };
}

function chatChoice(choice: Choice, answerId: string, vocabulary: Vocabulary): object {
  const { content, toolCalls } = choice.plan.parsesTools
    ? parseToolCalls(choice.text, `${answerId}\n${choice.index}`)
    : { content: choice.text, toolCalls: [] };
  return {
    index: choice.index,
    message: { role: 'assistant', content, refusal: null, ...(toolCalls.length > 0 && { tool_calls: toolCalls }) },
    logprobs:
      choice.plan.topLogprobs === undefined
        ? null
        : {
            content: choice.logprobs.map((place) => ({
              ...tokenInfo(place, vocabulary),
              top_logprobs: place.top.map((each) => tokenInfo(each, vocabulary)),
            })),
            refusal: null,
          },
    finish_reason: toolCalls.length > 0 ? 'tool_calls' : choice.finishReason,
  };
}

function textChoice(choice: Choice, vocabulary: Vocabulary): object {
  let offset = 0;
  const tokens = choice.logprobs.map(({ id }) => tokenInfo({ id, logprob: 0 }, vocabulary).token);
  return {
    index: choice.index,
    text: choice.text,
    logprobs:
      choice.plan.topLogprobs === undefined
        ? null
        : {
            tokens,
            token_logprobs: choice.logprobs.map(({ logprob }) => logprob),
            top_logprobs: choice.logprobs.map(({ top }) =>
              Object.fromEntries(top.map((each) => [tokenInfo(each, vocabulary).token, each.logprob])),
            ),
            text_offset: tokens.map((token) => (offset += token.length) - token.length),
          },
    finish_reason: choice.finishReason,
  };
}

export function tokenInfo(
  { id, logprob }: Omit<PlaceLogprobs, 'top'>,
  vocabulary: Vocabulary,
): {
  token: string;
  logprob: number;
  bytes: number[];
  x_id: number;
} {
  const bytes = vocabulary.isSpecial(id) ? Buffer.from(vocabulary.nameOf(id)) : vocabulary.bytesOf(id);
  return { token: Buffer.from(bytes).toString('utf8'), logprob, bytes: [...bytes], x_id: id };
}
