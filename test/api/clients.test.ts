import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, test } from 'vitest';

import { useTestDatabase } from '../support/testDatabase.ts';
import { useLiveApi } from './liveApi.ts';
import { useTinyChat } from './tinyChat.ts';

/**
 * A folder with `npm i ai @ai-sdk/openai @langchain/openai @langchain/core`, and a `venv` with `pip install litellm`.
 * They are too large, and change too often, to be dependencies.
 */
const folder = process.env['CLIENTS_DIR'] ?? '';
if (folder === '')
  process.stderr.write('Vercel AI SDK, LangChain and LiteLLM are not tested: CLIENTS_DIR is not set.\n');

describe.skipIf(folder === '')('a client of CLIENTS_DIR', () => {
  const { database } = useTestDatabase();
  const api = useLiveApi(database);
  const MODEL = useTinyChat(api);
  const installed = createRequire(resolve(folder, 'package.json'));
  const messages = [{ role: 'user' as const, content: 'The car' }];
  let baseURL = '';
  let expected = '';
  beforeAll(async () => {
    baseURL = `${api.server.url}/v1`;
    const request = { model: MODEL, messages, temperature: 0, max_tokens: 8 };
    expected = (await api.client.chat.completions.create(request)).choices[0]?.message.content ?? '';
  });

  test.each(['chat', 'responses'])('Vercel AI SDK, by its %s', async (form) => {
    const { generateText, streamText } = installed('ai');
    const openai = installed('@ai-sdk/openai').createOpenAI({ baseURL, apiKey: api.ports.apiKey });
    const request = { model: openai[form](MODEL), messages, temperature: 0, maxOutputTokens: 8 };
    const whole = await generateText(request);
    expect(whole.text).toBe(expected);
    expect(whole.usage.totalTokens).toBeGreaterThan(0);
    expect(await streamText(request).text).toBe(expected);
    // With a second turn it refers to what the first one stored.
    const turns = [...messages, ...whole.response.messages, { role: 'user', content: 'And then?' }];
    expect((await generateText({ ...request, messages: turns })).usage.outputTokens).toBeGreaterThan(0);
  });

  test('Vercel AI SDK, objects by a schema', async () => {
    const { generateObject, jsonSchema } = installed('ai');
    const openai = installed('@ai-sdk/openai').createOpenAI({ baseURL, apiKey: api.ports.apiKey });
    const schema = jsonSchema({
      type: 'object',
      properties: { a: { type: 'boolean' } },
      required: ['a'],
      additionalProperties: false,
    });
    const { object } = await generateObject({ model: openai.chat(MODEL), messages, schema, maxOutputTokens: 60 });
    expect(typeof object.a).toBe('boolean');
  });

  test('LangChain, whole and streamed', async () => {
    const { ChatOpenAI } = installed('@langchain/openai');
    const configuration = { baseURL };
    const chat = new ChatOpenAI({
      model: MODEL,
      apiKey: api.ports.apiKey,
      configuration,
      temperature: 0,
      maxTokens: 8,
    });
    const whole = await chat.invoke('The car');
    expect(whole.content).toBe(expected);
    expect(whole.usage_metadata.output_tokens).toBeGreaterThan(0);
    let streamed = '';
    for await (const chunk of await chat.stream('The car')) streamed += chunk.content;
    expect(streamed).toBe(expected);
  });

  test('LiteLLM, whole and streamed', async () => {
    const python = join(folder, 'venv/bin/python');
    const script = fileURLToPath(new URL('clients.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, baseURL, api.ports.apiKey, MODEL]);
    const lines = stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ text: expected, streamed: expected });
  }, 120_000);
});
