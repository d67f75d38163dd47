import { expect, test } from 'vitest';

import { useTestDatabase } from '../support/testDatabase.ts';
import { useLiveApi } from './liveApi.ts';
import { useTinyChat } from './tinyChat.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
const MODEL = useTinyChat(api);
const input = 'The car';

test('answers with the stock openai package, the same as a chat does', async () => {
  const response = await api.client.responses.create({ model: MODEL, input, temperature: 0, max_output_tokens: 12 });
  const messages = [{ role: 'user' as const, content: input }];
  const chat = await api.client.chat.completions.create({ model: MODEL, messages, temperature: 0, max_tokens: 12 });
  expect(response.output_text).toBe(chat.choices[0]?.message.content);
  expect(response).toMatchObject({
    object: 'response',
    status: chat.choices[0]?.finish_reason === 'length' ? 'incomplete' : 'completed',
    usage: {
      input_tokens: chat.usage?.prompt_tokens,
      output_tokens: chat.usage?.completion_tokens,
      total_tokens: chat.usage?.total_tokens,
    },
  });
});

test('streams the events of which the SDK makes the same response', async () => {
  const request = { model: MODEL, input, temperature: 0, max_output_tokens: 20, store: false };
  const whole = await api.client.responses.create(request);
  const stream = api.client.responses.stream(request);
  const types: string[] = [];
  let text = '';
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  expect(text).toBe(whole.output_text);
  expect((await stream.finalResponse()).output_text).toBe(whole.output_text);
  expect(types.slice(0, 4)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
  ]);
  expect(types.filter((type) => type === 'response.output_text.delta').length).toBeGreaterThan(1);
  expect(types.slice(-4)).toEqual([
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    whole.status === 'incomplete' ? 'response.incomplete' : 'response.completed',
  ]);
});

test('goes on from a stored response by its id, and from its items by theirs', async () => {
  const fields = { model: MODEL, temperature: 0, max_output_tokens: 8 };
  const first = await api.client.responses.create({ ...fields, input });
  const [message] = first.output;
  if (message?.type !== 'message') throw new Error('no message');
  const next = { role: 'user' as const, content: 'And then?' };
  const explicit = [
    { role: 'user' as const, content: input },
    { role: 'assistant' as const, content: first.output_text },
    next,
  ];
  const expected = await api.client.responses.create({ ...fields, input: explicit, store: false });

  const byId = await api.client.responses.create({ ...fields, input: [next], previous_response_id: first.id });
  expect(byId.output_text).toBe(expected.output_text);
  expect(byId.usage).toEqual(expected.usage);
  expect(byId.previous_response_id).toBe(first.id);
  const reference = { type: 'item_reference' as const, id: message.id };
  const byItem = await api.client.responses.create({
    ...fields,
    input: [{ role: 'user', content: input }, reference, next],
  });
  expect(byItem.output_text).toBe(expected.output_text);

  expect(await api.client.responses.retrieve(byId.id)).toMatchObject({ id: byId.id, output: byId.output });
  const items = await api.client.responses.inputItems.list(byId.id, { order: 'asc' });
  expect(items.data).toHaveLength(3);
  expect((await api.client.files.list()).data.map(({ id }) => id)).not.toContain(first.id);
});

test('keeps nothing with store: false, and forgets what is deleted', async () => {
  const fields = { model: MODEL, input, max_output_tokens: 2 };
  const kept = await api.client.responses.create(fields);
  const unkept = await api.client.responses.create({ ...fields, store: false });
  await api.client.responses.delete(kept.id);
  for (const { id } of [kept, unkept]) {
    await expect(api.client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(api.client.responses.create({ ...fields, previous_response_id: id })).rejects.toMatchObject({
      status: 400,
      param: 'previous_response_id',
    });
  }
});

test('answers in JSON by a schema, and tells of logprobs', async () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'boolean' } },
    required: ['a'],
    additionalProperties: false,
  };
  const response = await api.client.responses.create({
    model: MODEL,
    input,
    text: { format: { type: 'json_schema', name: 'answer', schema } },
    include: ['message.output_text.logprobs'],
    top_logprobs: 2,
  });
  expect(typeof JSON.parse(response.output_text).a).toBe('boolean');
  const [message] = response.output;
  const part = message?.type === 'message' ? message.content[0] : undefined;
  expect(part?.type === 'output_text' && part.logprobs?.[0]?.top_logprobs).toHaveLength(2);
});

test.each([
  ['reasoning', { reasoning: { effort: 'low' } }],
  ['truncation', { truncation: 'auto' }],
  ['input', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] }],
  [
    'text.format.schema',
    { text: { format: { type: 'json_schema', name: 'x', schema: { type: 'string', pattern: 'a' } } } },
  ],
  ['max_output_tokens', { max_output_tokens: 0 }],
])('refuses %s by its name', async (param, fields) => {
  const error = await api.client.responses.create({ model: MODEL, input, ...fields } as never).catch((e: unknown) => e);
  expect(error).toMatchObject({ status: 400, param: expect.stringContaining(param) });
});

test('tells in the stream what only the model can judge', async () => {
  const format = { type: 'json_schema' as const, name: 'x', schema: { type: 'string', pattern: 'a+' } };
  const stream = await api.client.responses.create({ model: MODEL, input, stream: true, text: { format } });
  const read = async (): Promise<void> => {
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow(/text\.format\.schema.*pattern/);
});
