import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  comparePrompt,
  promptsOf,
  referenceSchema,
  requestFor,
  summarise,
  tokensOfAnswer,
} from '../../../cli/modelEvaluation.ts';
import { answerAll, openFolder, task } from './support.ts';

const folder = process.env['SMOLLM2_DIR'] ?? '';
describe.skipIf(folder === '')('SmolLM2-135M-Instruct (SMOLLM2_DIR)', () => {
  test('gives the tokens and logprobs of its reference, all prompts in one batch', async () => {
    const model = await openFolder(folder, join(folder, 'onnx/model_q4.onnx'));
    const reference = referenceSchema.parse(JSON.parse(await readFile(join(folder, 'reference.json'), 'utf8')));
    const prompts = promptsOf(reference, 'onnx_q4');
    const tasks = prompts.map((prompt) => task(prompt.name, requestFor('tiny', prompt)));
    const answers = await answerAll(model, tasks);
    const comparisons = prompts.map((prompt) => comparePrompt(prompt, tokensOfAnswer(answers[prompt.name]?.body)));
    const summary = summarise(comparisons);
    expect(summary).toMatchObject({ equalPrompts: prompts.length, agreeingTokens: summary.tokens });
    expect(summary.maxLogprobDistance).toBeLessThan(1e-3);
  }, 600_000);
});
