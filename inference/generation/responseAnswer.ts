import type { Answer } from '../../domain/answerLine.ts';
import { responseFrame, responseIds, type ResponseRequest } from '../../domain/responses.ts';
import type { Choice } from './choice.ts';
import { tokenInfo, type AnswerContext } from './completionAnswer.ts';
import type { GenerationTask } from './generationTask.ts';
import { parseToolCalls } from './toolCalls.ts';

/** A finished response: a message, or calls of functions. An answer that was cut off is `incomplete`. */
export function responseAnswer(
  task: GenerationTask,
  asked: ResponseRequest,
  choice: Choice,
  context: AnswerContext,
): Answer {
  const ids = responseIds(task.id);
  const isWhole = choice.finishReason !== 'length';
  const status = isWhole ? 'completed' : 'incomplete';
  const { content, toolCalls } = choice.plan.parsesTools
    ? parseToolCalls(choice.text, ids.response)
    : { content: choice.text, toolCalls: [] };
  const logprobs = choice.logprobs.map((place) => ({
    ...tokenInfo(place, context.vocabulary),
    top_logprobs: place.top.map((each) => tokenInfo(each, context.vocabulary)),
  }));
  const message = {
    id: ids.message,
    type: 'message',
    role: 'assistant',
    status,
    content: [{ type: 'output_text', text: content ?? '', annotations: [], logprobs }],
  };
  const calls = toolCalls.map(({ id, function: { name, arguments: given } }, index) => ({
    id: ids.call(index),
    type: 'function_call',
    call_id: id,
    name,
    arguments: given,
    status: 'completed',
  }));
  const [inputTokens, outputTokens] = [choice.plan.promptTokens.length, choice.tokens.length];
  return {
    statusCode: 200,
    body: {
      ...responseFrame(asked, { id: ids.response, createdAtSeconds: task.createdAtSeconds }),
      status,
      incomplete_details: isWhole ? null : { reason: 'max_output_tokens' },
      output: calls.length > 0 && content === null ? calls : [message, ...calls],
      usage: {
        input_tokens: inputTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: inputTokens + outputTokens,
      },
      ...(!context.batchInvariant && { x_grid: { reproducible: false } }),
    },
  };
}
