import { beforeAll, expect, test } from 'vitest';

import type { LanguageModel } from '../../../inference/generation/languageModel.ts';
import { answerAll, openTiny, task } from './support.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await openTiny();
});

test('a line of a batch says in a response what it says in a chat', async () => {
  const messages = [
    { role: 'system', content: 'Be short' },
    { role: 'user', content: 'The car' },
  ];
  const limits = { temperature: 0.8, max_tokens: 12 };
  const items = [{ role: 'user', content: [{ type: 'input_text', text: 'The car' }] }];
  const response = { instructions: 'Be short', input: items, temperature: 0.8, max_output_tokens: 12 };
  const chat = await answerAll(model, [task('a', { messages, ...limits })]);
  const { a } = await answerAll(model, [task('a', response)]);
  expect(a?.body['output'][0].content[0].text).toBe(chat['a']?.text);
  expect(a?.body).toMatchObject({ object: 'response', model: 'tiny', store: false, created_at: 1_764_000_000 });
  expect(a?.body['id']).toMatch(/^resp_[0-9a-f]{32}$/);
});

test('calls of functions and what they gave come back as the messages that the template knows', async () => {
  const call = { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Lisbon"}' };
  const output = { type: 'function_call_output', call_id: 'c1', output: 'rain' };
  const fields = { temperature: 0, max_output_tokens: 6 };
  const { a } = await answerAll(model, [
    task('a', { ...fields, input: [{ role: 'user', content: 'x' }, call, output] }),
  ]);
  const toolCall = { id: 'c1', type: 'function', function: { name: call.name, arguments: call.arguments } };
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: [toolCall] },
    { role: 'tool', tool_call_id: 'c1', content: 'rain' },
  ];
  const { b } = await answerAll(model, [task('b', { messages, temperature: 0, max_tokens: 6 })]);
  expect(a?.body['usage'].input_tokens).toBe(b?.body['usage'].prompt_tokens);
  expect(a?.body['output'][0].content[0].text).toBe(b?.text);
});

test.each([
  ['store', { input: 'x', store: true }],
  ['previous_response_id', { input: 'x', previous_response_id: 'resp_1' }],
  ['input.0', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
  ['max_output_tokens', { input: 'x', max_output_tokens: 130_000 }],
  ['seed', { input: 'x', seed: 1 }],
])('a line of a batch with %s is refused by that name', async (name, body) => {
  const { a } = await answerAll(model, [task('a', body)]);
  expect(a?.statusCode).toBe(400);
  expect(`${a?.body['error'].param} ${a?.body['error'].message}`).toContain(name);
});
