import OpenAI from 'openai';
import { describe, expect, expectTypeOf, test } from 'vitest';

import {
  GENERATION_LIMITS,
  textOf,
  type ChatCompletionRequest,
  type CompletionRequest,
} from '../../domain/generation.ts';
import { readGenerationRequest } from '../../domain/generationRequest.ts';

const chat = (fields: object) =>
  readGenerationRequest({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...fields });

describe('readGenerationRequest', () => {
  test('takes each field of a chat that is supported, null for those not given', () => {
    const read = chat({
      max_tokens: null,
      max_completion_tokens: 10,
      temperature: 0,
      top_p: 0.5,
      seed: -3,
      stop: ['a', 'b'],
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { '17': -100 },
      n: 2,
      logprobs: true,
      top_logprobs: 3,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' }, strict: true } },
      user: 'u',
      stream: false,
      metadata: { a: 'b' },
    });
    expect(read).toMatchObject({ kind: 'chat', request: { max_completion_tokens: 10, n: 2, seed: -3 } });
  });

  test('takes the messages of a conversation with tools', () => {
    const read = readGenerationRequest({
      model: 'm',
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be' },
            { type: 'text', text: ' short' },
          ],
        },
        { role: 'user', content: 'weather?' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'rain' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      tool_choice: 'auto',
    });
    if (!('request' in read) || read.kind !== 'chat') throw new Error(JSON.stringify(read));
    expect(read.request.messages.map(({ content }) => textOf(content))).toEqual(['Be short', 'weather?', '', 'rain']);
  });

  test('takes completions with a text and with token ids', () => {
    expect(readGenerationRequest({ model: 'm', prompt: 'Once', logprobs: 2 })).toMatchObject({ kind: 'completion' });
    expect(readGenerationRequest({ model: 'm', prompt: [1, 2] })).toMatchObject({ kind: 'completion' });
  });

  test.each([
    ['top_k', chat({ top_k: 5 })],
    ['modalities', chat({ modalities: ['audio'] })],
    ['suffix', readGenerationRequest({ model: 'm', prompt: 'x', suffix: 'y' })],
    ['messages.0.audio', readGenerationRequest({ model: 'm', messages: [{ role: 'user', content: 'x', audio: {} }] })],
  ])('refuses %s by its name', (param, read) => {
    expect(read).toMatchObject({ code: 'unsupported_parameter', param });
    expect('message' in read && read.message).toContain(`${param} is not supported`);
  });

  test.each([
    ['temperature', chat({ temperature: 2.1 })],
    ['top_p', chat({ top_p: 0 })],
    ['n', chat({ n: GENERATION_LIMITS.choices + 1 })],
    ['stop', chat({ stop: ['a', 'b', 'c', 'd', 'e'] })],
    ['top_logprobs', chat({ top_logprobs: 2 })],
    ['stream_options', chat({ stream_options: { include_usage: true } })],
    ['tool_choice', chat({ tool_choice: 'required' })],
    ['messages', readGenerationRequest({ model: 'm', messages: [] })],
    ['messages.0.role', readGenerationRequest({ model: 'm', messages: [{ role: 'critic', content: 'x' }] })],
    [
      'messages.0.content.0.type',
      readGenerationRequest({
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.org' } }] }],
      }),
    ],
    ['prompt', readGenerationRequest({ model: 'm' })],
    ['body', readGenerationRequest('text')],
    [
      'messages',
      readGenerationRequest({
        model: 'm',
        messages: [1, 2].map(() => ({ role: 'user', content: 'x'.repeat(GENERATION_LIMITS.promptCharacters) })),
      }),
    ],
  ])('names %s when its value is not taken', (param, read) => {
    expect(read).toMatchObject({ code: 'invalid_body', param });
  });

  test('takes only what the types of the openai SDK allow', () => {
    expectTypeOf<ChatCompletionRequest['temperature']>().toEqualTypeOf<
      OpenAI.ChatCompletionCreateParams['temperature']
    >();
    expectTypeOf<CompletionRequest['stop']>().toExtend<OpenAI.CompletionCreateParams['stop']>();
  });
});
