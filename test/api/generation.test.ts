import { describe, expect, test } from 'vitest';

import { useTestDatabase } from '../support/testDatabase.ts';
import { useLiveApi } from './liveApi.ts';
import { useTinyChat } from './tinyChat.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
const MODEL = useTinyChat(api);
const messages = [{ role: 'user' as const, content: 'The car' }];

describe('a folder of a language model, with the stock openai package,', () => {
  test('answers a conversation, the same for the same seed', async () => {
    const ask = () =>
      api.client.chat.completions.create({ model: MODEL, messages, max_tokens: 12, temperature: 0.9, seed: 7 });
    const first = await ask();
    expect(first).toMatchObject({
      object: 'chat.completion',
      model: MODEL,
      choices: [{ message: { role: 'assistant' } }],
    });
    expect(first.usage?.completion_tokens).toBeLessThanOrEqual(12);
    expect(first.created).toBeGreaterThan(1_700_000_000);
    expect((await ask()).choices[0]?.message.content).toBe(first.choices[0]?.message.content);
  });

  test('streams the same words in pieces, with the usage where it is asked for', async () => {
    const request = { model: MODEL, messages, max_tokens: 20, temperature: 0, n: 2, seed: 1, logprobs: true };
    const whole = await api.client.chat.completions.create(request);
    const stream = await api.client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ['', ''];
    const reasons: (string | null)[] = [null, null];
    const logprobs: unknown[] = [undefined, undefined];
    let usage: unknown;
    let chunks = 0;
    for await (const chunk of stream) {
      chunks += 1;
      usage = chunk.usage ?? usage;
      for (const { index, delta, finish_reason: reason, logprobs: places } of chunk.choices) {
        logprobs[index] = places ?? logprobs[index];
        texts[index] += delta.content ?? '';
        reasons[index] = reason ?? reasons[index] ?? null;
      }
    }
    expect(chunks).toBeGreaterThan(4);
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(reasons).toEqual(whole.choices.map(({ finish_reason: reason }) => reason));
    expect(usage).toEqual(whole.usage);
    expect(logprobs).toEqual(whole.choices.map((choice) => choice.logprobs));
    expect(whole.choices[0]?.logprobs?.content?.length).toBeGreaterThan(0);
  });

  test('continues a text, streamed and not', async () => {
    const request = { model: MODEL, prompt: 'The car', max_tokens: 10, temperature: 0 };
    const { choices } = await api.client.completions.create(request);
    let text = '';
    for await (const chunk of await api.client.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.text ?? '';
    }
    expect(text).toBe(choices[0]?.text);
  });

  test('refuses by its name what is not served, also before a stream begins', async () => {
    const wrong = { model: MODEL, messages, top_k: 3 } as never;
    await expect(api.client.chat.completions.create(wrong)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('top_k'),
    });
    await expect(
      api.client.chat.completions.create({ model: 'nothing', messages, stream: true }),
    ).rejects.toMatchObject({ status: 404, param: 'model' });
    await expect(api.client.embeddings.create({ model: MODEL, input: 'a' })).rejects.toMatchObject({ status: 400 });
  });

  test('tells in the stream what is wrong with a request that only the model can judge', async () => {
    const stream = await api.client.chat.completions.create({
      model: MODEL,
      messages,
      stream: true,
      max_tokens: 5,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'string', pattern: 'a+' } } },
    });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/pattern/);
  });
});
