import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { StepResult } from '../../../inference/generation/generationTask.ts';
import { answerAll, openFolder, task } from './support.ts';

const folder = process.env['SMOLLM2_DIR'] ?? '';
const referenceSchema = z.object({
  prompts: z.array(
    z.object({
      name: z.string(),
      messages: z.array(z.unknown()),
      n_prompt: z.number(),
      expected: z.object({
        onnx_q4: z.object({ ids: z.array(z.number()), first5: z.array(z.object({ logprob: z.number() })) }),
      }),
    }),
  ),
});

describe.skipIf(folder === '')('SmolLM2-135M-Instruct (SMOLLM2_DIR)', () => {
  test('gives the tokens and logprobs of its reference, all prompts in one batch', async () => {
    const model = await openFolder(folder, join(folder, 'onnx/model_q4.onnx'));
    const { prompts } = referenceSchema.parse(JSON.parse(await readFile(join(folder, 'reference.json'), 'utf8')));
    const tokens = new Map(prompts.map(({ name }): [string, number[]] => [name, []]));
    const keep = ({ progress }: StepResult): void => {
      for (const each of progress) tokens.get(each.key)?.push(...each.tokens);
    };
    const fields = { max_tokens: 64, temperature: 0, logprobs: true };
    const tasks = prompts.map(({ name, messages }) => task(name, { messages, ...fields }));
    const answers = await answerAll(model, tasks, {}, keep);
    for (const { name, n_prompt: promptTokens, expected } of prompts) {
      expect(tokens.get(name), name).toEqual(expected.onnx_q4.ids);
      expect(answers[name]?.body['usage'].prompt_tokens).toBe(promptTokens);
      const places = answers[name]?.body['choices'][0].logprobs.content;
      for (const [index, { logprob }] of expected.onnx_q4.first5.entries()) {
        expect(places[index].logprob).toBeCloseTo(logprob, 3);
      }
    }
  }, 600_000);
});
