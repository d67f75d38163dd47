import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { comparePrompt, promptsOf, summarise, tokensOfAnswer } from '../../cli/modelEvaluation.ts';
import { useLiveApi } from '../api/liveApi.ts';
import { useTinyChat } from '../api/tinyChat.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
const MODEL = useTinyChat(api);
let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'nightshift-evaluate-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const evaluate = (...args: string[]) =>
  cli('model', 'evaluate', MODEL, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey, ...args);

test('counts tokens before the first that differs, and distances of logprobs of those that agree', () => {
  const prompt = { name: 'a', messages: ['x'], ids: [1, 2, 3, 4], logprobs: [-1, -2, -3] };
  const equal = comparePrompt(prompt, { ids: [1, 2, 3, 4], logprobs: [-1, -2.5, -3, -4] });
  expect(equal).toMatchObject({ agreeing: 4, logprobDistances: [0, 0.5, 0] });
  const other = comparePrompt(prompt, { ids: [1, 9, 3, 4], logprobs: [-1.25, -9, -3, -4] });
  expect(other).toMatchObject({ agreeing: 1, logprobDistances: [0.25] });
  expect(comparePrompt(prompt, { ids: [1, 2], logprobs: [] })).toMatchObject({ agreeing: 2, logprobDistances: [] });
  expect(summarise([equal, other])).toEqual({
    prompts: 2,
    equalPrompts: 1,
    tokens: 8,
    agreeingTokens: 5,
    meanLogprobDistance: 0.1875,
    maxLogprobDistance: 0.5,
  });
});

test('a reference may have the answers of several runtimes: one is to be named', () => {
  const expected = { a: { ids: [1] }, b: { ids: [2], first5: [{ logprob: -1 }] } };
  const reference = { prompts: [{ name: 'p', messages: ['x'], expected }] };
  expect(promptsOf(reference, 'b')).toMatchObject([{ ids: [2], logprobs: [-1] }]);
  expect(() => promptsOf(reference, undefined)).toThrow('a, b');
  expect(() => promptsOf(reference, 'c')).toThrow('--runtime');
});

test('a model agrees with what it said itself, and not with what another one said', async () => {
  const messages = [{ role: 'user' as const, content: 'The car' }];
  const request = { model: MODEL, messages, temperature: 0, max_completion_tokens: 9, logprobs: true };
  const { ids, logprobs } = tokensOfAnswer(await api.client.chat.completions.create(request));
  const file = join(folder, 'reference.json');
  const write = (expected: object) => writeFile(file, JSON.stringify({ prompts: [{ name: 'p', messages, expected }] }));

  await write({ ids, logprobs });
  const same = await evaluate('--against', file, '--min-agreement', '1');
  expect(same).toMatchObject({ code: 0, err: '' });
  expect(same.out).toContain(`1 of 1 answers are equal; ${ids.length} of ${ids.length} tokens (100.00 %)`);

  await write({ ids: ids.map((id, index) => (index === 2 ? id + 1 : id)) });
  const other = await evaluate('--against', file, '--min-agreement', '0.9', '--json');
  expect(other.code).toBe(1);
  expect(JSON.parse(other.out)).toMatchObject({ equalPrompts: 0, agreeingTokens: 2, meanLogprobDistance: null });

  await writeFile(file, '{"prompts":[{"name":"p"}]}');
  expect(await evaluate('--against', file)).toMatchObject({
    code: 2,
    err: expect.stringContaining('prompts.0.messages'),
  });
});
