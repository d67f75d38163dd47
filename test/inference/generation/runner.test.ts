import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { ChoiceProgress } from '../../../inference/generation/generationTask.ts';
import { Runner, RunnerStopped } from '../../../inference/runner/runner.ts';
import type { LoadedModel } from '../../../inference/runner/protocol.ts';
import { TINY_CONTEXT, writeTinyLlama } from '../../support/tinyLlama.ts';

let folder: string;
let model: LoadedModel;
let runner: Runner;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-generation-'));
  const modelPath = await writeTinyLlama(folder, { layout: 'huggingface', weights: 'fp32' });
  const names = ['tokenizer.json', 'tokenizer_config.json', 'config.json', 'generation_config.json'];
  model = {
    name: 'tiny',
    version: '1',
    sha256: 'a'.repeat(64),
    modelPath,
    assetPaths: {},
    filePaths: Object.fromEntries(names.map((name) => [name, join(folder, name)])),
    pipeline: {
      kind: 'text-generation',
      layout: 'huggingface',
      contextTokens: TINY_CONTEXT,
      chat: true,
      batchInvariant: true,
    },
  };
});
afterEach(async () => {
  await runner.stop();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Eight choices: one alone may be done within the time after which the runner first tells of its tokens. */
const body = { model: 'tiny', prompt: 'The car', max_tokens: 200, n: 8, temperature: 0.8 };
const task = { id: 'req_1', body, createdAtSeconds: 1 };

const placesOf = ({ choice, from, tokens }: ChoiceProgress): string[] =>
  tokens.map((_, index) => `${choice}/${from + index}`);

describe('Runner.generate', () => {
  test('answers many requests together, each with its own answer', async () => {
    runner = new Runner();
    const answers = await runner.run(model, [
      { model: 'tiny', prompt: 'The', max_tokens: 5 },
      { model: 'tiny', prompt: 'The', max_tokens: 5, top_k: 1 },
      { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 5 },
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 400, 200]);
  });

  test('goes on from the tokens so far when its process dies, in the same bytes', async () => {
    runner = new Runner();
    const undisturbed = await runner.generate(model, task);
    const pieces: ChoiceProgress[] = [];
    const { pid = 0 } = runner;
    const onProgress = (progress: ChoiceProgress): void => {
      if (pieces.length === 0) process.kill(pid, 'SIGKILL');
      pieces.push(progress);
    };
    expect(await runner.generate(model, task, { onProgress })).toEqual(undisturbed);
    expect(runner.pid).not.toBe(pid);
    expect(undisturbed.body).toMatchObject({ usage: { completion_tokens: new Set(pieces.flatMap(placesOf)).size } });
    const textOf = (index: number) =>
      pieces
        .filter(({ choice }) => choice === index)
        .map(({ text }) => text)
        .join('');
    const { choices } = z
      .looseObject({ choices: z.array(z.looseObject({ text: z.string() })) })
      .parse(undisturbed.body);
    expect(choices.map((_, index) => textOf(index))).toEqual(choices.map(({ text }) => text));
  });

  test('gives a request up and lets its neighbour end; stop() ends all', async () => {
    runner = new Runner();
    const giveUp = new AbortController();
    const given = runner.generate(model, task, {
      onProgress: () => giveUp.abort(new Error('nobody listens')),
      signal: giveUp.signal,
    });
    const neighbour = runner.generate(model, { ...task, id: 'req_2' });
    await expect(given).rejects.toThrow('nobody listens');
    expect((await neighbour).statusCode).toBe(200);
    const stopped = runner.generate(model, { ...task, id: 'req_3' }, { onProgress: () => void runner.stop() });
    await expect(stopped).rejects.toThrow(RunnerStopped);
  });
});
