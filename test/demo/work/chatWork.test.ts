import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadNight } from '../../../demo/night/night.ts';
import { chatWork, wordsFound } from '../../../demo/work/chatWork.ts';
import { readGenerationRequest } from '../../../domain/generationRequest.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-chat-work-'));
afterAll(() => rm(folder, { recursive: true }));
const MODEL = { folder: '/models/mine', variant: undefined, name: 'mine' };

test('the night’s chats are requests that the API takes, each of one definition', async () => {
  const night = await loadNight();
  const work = await chatWork(night, MODEL, folder, 1);
  expect(work).toMatchObject({ model: 'mine', endpoint: '/v1/chat/completions' });
  const lines = (await readFile(work.batchFile, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(night.chat?.requests ?? 0);
  for (const line of lines) {
    const { url, body } = JSON.parse(line) as { url: string; body: unknown };
    expect(url).toBe(work.endpoint);
    expect(readGenerationRequest(body)).toMatchObject({ kind: 'chat' });
  }
});

test('a night file that says nothing of chats is no night of chats', async () => {
  const { chat: _, ...night } = await loadNight();
  await expect(chatWork(night, MODEL, folder, 1)).rejects.toThrow('says nothing of chats');
});

const answered = (content: string | null) => ({ choices: [{ message: { content } }] });

test('an answer is right when it says one of the words, in whatever form', () => {
  const glosses = [
    { customId: 'a', text: 'a small boat', words: ['dinghy', 'rowing boat'] },
    { customId: 'b', text: 'hot soup', words: ['broth'] },
  ];
  const share = (a: string | null, b?: string): number =>
    wordsFound(glosses, new Map([['a', answered(a)], ...(b === undefined ? [] : [['b', answered(b)] as const])]));
  expect(share('It is a "Rowing-Boat".', 'Broth')).toBe(1);
  expect(share('dinghy', 'brothel')).toBe(0.5);
  expect(share('a boat')).toBe(0);
  expect(share(null)).toBe(0);
});
