import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { answerLine } from '../../../domain/answerLine.ts';
import { holdText, type HeldText } from '../../../domain/trust/sameText.ts';
import { toleranceOf } from '../../../domain/trust/tolerance.ts';
import { GenerationEngine, type EngineLimits } from '../../../inference/generation/engine.ts';
import type { FinishedTask, GenerationTask } from '../../../inference/generation/generationTask.ts';
import type { LanguageModel } from '../../../inference/generation/languageModel.ts';
import { logitDistance } from '../../../inference/generation/logitDistance.ts';
import { chooseToken } from '../../../inference/generation/sampling.ts';
import { TINY_TOKENS } from '../../support/tinyLlama.ts';
import { openFolder, openTiny, task } from './support.ts';

type Answers = ReadonlyMap<string, FinishedTask['answer']>;

const TASKS = Array.from({ length: 16 }, (_, index) =>
  task(`${index}`, {
    messages: [{ role: 'user', content: `Tell of night ${index} ${'and day '.repeat(index % 7)}` }],
    max_tokens: 40,
    temperature: [0, 0.7, 1][index % 3],
    ...(index % 4 === 0 && { top_p: 0.8 }),
    ...(index % 5 === 0 && { logprobs: true, top_logprobs: 2 }),
    ...(index % 6 === 0 && { frequency_penalty: 0.5, logit_bias: { '7': 3 } }),
  }),
);
const TOLERANCE = toleranceOf([{ numbers: 0, logits: 0.01 }]);

async function finish(
  of: LanguageModel,
  tasks: readonly GenerationTask[],
  limits: Partial<EngineLimits> = {},
): Promise<Answers> {
  const engine = new GenerationEngine(of, limits);
  engine.add(tasks);
  const answers = new Map<string, FinishedTask['answer']>();
  for (let open = 1; open > 0;) {
    const result = await engine.step();
    for (const { key, answer } of result.finished) answers.set(key, answer);
    open = result.open;
  }
  return answers;
}

/** How each answer holds whose tokens are these; its text is the one that they spell, unless `said` has another. */
async function held(
  by: LanguageModel,
  claims: ReadonlyMap<string, readonly number[]>,
  said?: Answers,
): Promise<HeldText[]> {
  const reread = await finish(
    by,
    TASKS.map((each) => ({ ...each, claimed: [claims.get(each.key) ?? []] })),
  );
  return TASKS.map(({ key }, index) => {
    const answer = reread.get(key) ?? { statusCode: 500, body: null };
    const line = (from: FinishedTask['answer'] = answer): string => answerLine('job', 0, index, key, from);
    return holdText(line(said?.get(key)), line(), answer.replay, TOLERANCE);
  });
}

const tokensOf = (answers: Answers): Map<string, readonly number[]> =>
  new Map([...answers].map(([key, { tokens }]) => [key, tokens?.[0] ?? []]));
const sum = (lines: readonly HeldText[]): { differing: number; tokens: number; divergent: number } => ({
  differing: lines.filter(({ differs }) => differs).length,
  tokens: lines.reduce((total, { tokens }) => total + tokens, 0),
  divergent: lines.reduce((total, { divergent }) => total + divergent, 0),
});

let model: LanguageModel;
let honest: Answers;
beforeAll(async () => {
  model = await openTiny();
  honest = await finish(model, TASKS);
});

describe('text that a car has generated, read by a trusted computer', () => {
  test.each([1, 5])('holds of an honest car that computes %i rows at once', async (rows) => {
    const said = await finish(model, TASKS, { rows });
    const found = sum(await held(model, tokensOf(said), said));
    expect(found).toMatchObject({ differing: 0, divergent: 0 });
    expect(found.tokens).toBeGreaterThan(TASKS.length);
  });

  test.each(['onnxruntime-genai', 'huggingface'] as const)(
    'holds of half precision, in the layout of %s, with hardly a divergent token',
    async (layout) => {
      const said = await finish(await openTiny({ layout, weights: 'fp16' }), TASKS);
      const found = sum(await held(await openTiny({ layout }), tokensOf(said)));
      expect(found.differing).toBe(0);
      expect(found.divergent / found.tokens).toBeLessThan(0.02);
    },
  );

  test('of a network that quantises at run time is written again as it was, and holds', async () => {
    const quantised = await openTiny({ weights: 'int8' });
    const said = await finish(quantised, TASKS.slice(0, 6));
    const found = await held(quantised, tokensOf(said));
    expect(sum(found.slice(0, 6))).toMatchObject({ differing: 0, divergent: 0 });
  });

  test('diverges where a cheaper variant has written it', async () => {
    const found = sum(await held(model, tokensOf(await finish(await openTiny({ weights: 'q4' }), TASKS))));
    expect(found.divergent / found.tokens).toBeGreaterThan(0.2);
  });

  test('differs where it ends early, with or without the token that ends texts', async () => {
    const broken = new Map(
      [...tokensOf(honest)].map(([key, tokens]) => [key, tokens.slice(0, tokens.length >> 1)] as const),
    );
    expect(sum(await held(model, broken)).differing).toBe(TASKS.length);
    const ended = new Map([...broken].map(([key, tokens]) => [key, [...tokens, TINY_TOKENS.end]]));
    expect(sum(await held(model, ended)).differing).toBe(TASKS.length);
  });

  test('differs where it is the answer to another line, or has too many tokens, or ones that do not exist', async () => {
    const own = tokensOf(honest);
    const copied = new Map(TASKS.map(({ key }, index) => [key, own.get(`${(index + 1) % TASKS.length}`) ?? []]));
    expect(sum(await held(model, copied)).differing).toBe(TASKS.length);
    for (const wrong of [[7], [-1], [1e6], [0.5]]) {
      const longer = new Map([...own].map(([key, tokens]) => [key, [...tokens, ...wrong]]));
      expect(sum(await held(model, longer)).differing).toBe(TASKS.length);
    }
  });

  test('differs where its words are not what its tokens spell', async () => {
    const other = [...honest].map(([key, answer]) => [key, honest.get(key === '0' ? '1' : '0') ?? answer] as const);
    expect(sum(await held(model, tokensOf(honest), new Map(other))).differing).toBe(TASKS.length);
  });
});

describe('the distance of a token from a draw', () => {
  const logits = Float32Array.of(1, 3, 2, 0, -1);
  const ways = [0, 0.5, 1].flatMap((temperature) => [1, 0.6].map((topP) => ({ temperature, topP })));

  test.each(ways)('is 0 for the one that is drawn, and more for all others: %o', (sampling) => {
    for (let draw = 0.05; draw < 1; draw += 0.1) {
      const drawn = chooseToken(logits.slice(), sampling, draw);
      const distances = Array.from(logits, (_, id) => logitDistance(id, logits, sampling, draw));
      expect(distances.flatMap((distance, id) => (distance === 0 ? [id] : []))).toEqual([drawn]);
    }
  });

  test.each(ways)('is at most how far the logits of two computers are apart: %o', (sampling) => {
    for (let round = 0; round < 200; round += 1) {
      const apart = 0.01 * (round % 7);
      const noise = (place: number): number => apart * Math.sin(12.9898 * (round + 1) * (place + 1));
      const others = logits.map((logit, place) => logit + noise(place));
      const draw = (round + 0.5) / 200;
      const drawn = chooseToken(others.slice(), sampling, draw) ?? -1;
      expect(logitDistance(drawn, logits, sampling, draw)).toBeLessThanOrEqual(apart + 1e-6);
    }
  });

  test('is infinite for a token that may not come', () => {
    const masked = Float32Array.of(1, Number.NEGATIVE_INFINITY);
    expect(logitDistance(1, masked, { temperature: 1, topP: 1 }, 0.5)).toBe(Number.POSITIVE_INFINITY);
    expect(logitDistance(9, masked, { temperature: 1, topP: 1 }, 0.5)).toBe(Number.POSITIVE_INFINITY);
  });
});

const folder = process.env['SMOLLM2_DIR'] ?? '';
describe.skipIf(folder === '')('SmolLM2-135M-Instruct (SMOLLM2_DIR)', () => {
  test('holds against itself in other batches, and not against copied answers', async () => {
    const real = await openFolder(folder, join(folder, 'onnx/model_q4.onnx'));
    const said = await finish(real, TASKS);
    expect(sum(await held(real, tokensOf(said), said))).toMatchObject({ differing: 0, divergent: 0 });
    const own = tokensOf(said);
    const copied = new Map(TASKS.map(({ key }, index) => [key, own.get(`${(index + 1) % TASKS.length}`) ?? []]));
    expect(sum(await held(real, copied)).differing).toBeGreaterThan(TASKS.length / 2);
  }, 900_000);
});
