import { Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';

import { GenerationEngine } from '../../../inference/generation/engine.ts';
import type { ChoiceProgress, GenerationTask, StepResult } from '../../../inference/generation/generationTask.ts';
import type { LanguageModel } from '../../../inference/generation/languageModel.ts';
import type { TinyLlamaOptions } from '../../support/tinyLlama.ts';
import { PartialAnswer } from '../../../inference/generation/partialAnswer.ts';
import { answerAll, openTiny, task, type Answered } from './support.ts';

const PROMPTS = [
  'The car',
  'a',
  'The wind was low and the water was calm. A girl counted the birds',
  'Zähle 12 Vögel 😀',
  'def add(a, b):\n    return a + b\n',
  'x'.repeat(150),
  'Once upon a time in the harbour',
  'Hello',
  'The lighthouse keeper polished the lamp every evening',
];

function tasks(fields: object = {}): GenerationTask[] {
  return PROMPTS.map((prompt, index) =>
    task(String(index), { prompt, max_tokens: 8 + 5 * index, temperature: 0, ...fields }),
  );
}

const textsOf = (answers: Record<string, Answered>): string[] => PROMPTS.map((_, index) => answers[index]?.text ?? '?');

/** Greedy, with the whole text in one run for each token: no cache, no padding, no neighbours. */
async function withoutCache(model: LanguageModel, prompt: string, tokens: number): Promise<string> {
  const ids = [...model.vocabulary.encode(prompt, { addSpecialTokens: true })];
  const bytes: Uint8Array[] = [];
  for (let count = 0; count < tokens; count += 1) {
    const { logits } = await model.network.forward({ tokens: [ids], past: undefined, wantsLogits: 'last' });
    const row = logits[0] ?? new Float32Array();
    const id = row.indexOf(row.reduce((most, each) => Math.max(most, each), -Infinity));
    if (model.endTokens.has(id)) break;
    ids.push(id);
    bytes.push(model.vocabulary.bytesOf(id));
  }
  return Buffer.concat(bytes).toString('utf8');
}

const VARIANTS: TinyLlamaOptions[] = (['huggingface', 'onnxruntime-genai'] as const).flatMap((layout) =>
  (['fp32', 'fp16', 'int8', 'q4'] as const).map((weights) => ({ layout, weights })),
);

describe.each(VARIANTS)('a $layout network with $weights weights', (variant) => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openTiny(variant);
  });

  test('is known for what it is', () => {
    expect(model.network.padding).toBe(variant.layout === 'huggingface' ? 'left' : 'right');
    expect(model.batchInvariant).toBe(variant.weights !== 'int8');
    expect(model.network.kvBytesPerToken).toBe(2 * 2 * 2 * 16 * (variant.weights === 'fp16' ? 2 : 4));
  });

  test('says in a batch what it says alone, and without a cache', async () => {
    const together = textsOf(await answerAll(model, tasks(), { rows: 4, prefillTokens: 512 }));
    const alone: string[] = [];
    for (const one of tasks())
      alone.push((await answerAll(model, [one], { prefillTokens: 512 }))[one.key]?.text ?? '?');
    expect(together).toEqual(alone);
    // A dynamically quantised network reads a text in one piece differently from one in two.
    if (variant.weights === 'int8') return;
    for (const [index, prompt] of PROMPTS.entries()) {
      expect(together[index]).toBe(await withoutCache(model, prompt, 8 + 5 * index));
    }
    expect(new Set(together).size).toBeGreaterThan(6);
  });

  test('goes on from a text that was cut off, in the same bytes', async () => {
    if (!model.batchInvariant) return;
    const wanted = { temperature: 0.9, top_p: 0.95, logprobs: 2, n: 2, frequency_penalty: 0.4 };
    const undisturbed = await answerAll(model, tasks(wanted), { rows: 6 });
    const engine = new GenerationEngine(model, { rows: 6 });
    engine.add(tasks(wanted));
    const progress: ChoiceProgress[] = [];
    const answers: Record<string, unknown> = {};
    for (let step = 0; step < 30; step += 1) {
      const result = await engine.step();
      progress.push(...result.progress);
      for (const { key, answer } of result.finished) answers[key] = answer.body;
    }
    const carried = tasks(wanted).map((each) => ({ ...each, partial: partialOf(progress, each.key) }));
    const left = carried.filter(({ key }) => answers[key] === undefined);
    expect(left.length).toBeGreaterThan(3);
    expect(left.some(({ partial }) => partial.some(({ tokens }) => tokens.length > 3))).toBe(true);
    const after = await answerAll(model, left, { rows: 3, prefillTokens: 7 });
    for (const { key } of left) {
      expect(words(after[key]?.body)).toEqual(words(undisturbed[key]?.body));
      const [was, is] = [undisturbed, after].map((answers) => answers[key]?.body['choices'][0].logprobs.token_logprobs);
      for (const [place, logprob] of was.entries()) expect(is[place]).toBeCloseTo(logprob, 1);
    }
  });

  test('takes of what another car says that it had only what it would have drawn itself', async () => {
    if (!model.batchInvariant) return;
    for (const temperature of [0, 0.9]) {
      const wanted = { prompt: 'Cars at night', max_tokens: 40, temperature, seed: 1 };
      const progress: ChoiceProgress[] = [];
      const honest = await answerAll(model, [task('a', wanted)], {}, (result) => progress.push(...result.progress));
      const tokens = progress.flatMap((each) => each.tokens);
      const lies = [
        tokens.map((id, index) => (index === 5 ? (id + 1) % 60 : id)),
        tokens.map((id) => (id + 1) % 60),
        Array.from({ length: 500 }, () => 7),
        [...tokens.slice(0, 20), ...tokens.slice(0, 10)],
        [-1],
        [0.5],
      ];
      for (const lie of lies) {
        const read: ChoiceProgress[] = [];
        const answers = await answerAll(model, [task('a', wanted, [{ tokens: lie }])], { prefillTokens: 8 }, (result) =>
          read.push(...result.progress),
        );
        expect(answers['a']?.body).toEqual(honest['a']?.body);
        const kept = new PartialAnswer([{ tokens: lie }]);
        for (const each of read) kept.add(each);
        expect(kept.choices).toEqual([{ tokens }]);
      }
    }
  });
});

/** The answer without its logprobs: they differ in their last digits between a token that was read and one written. */
function words(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body, (key, each: unknown) => (/^(token_|top_)logprobs$/.test(key) ? null : each)));
}

function partialOf(progress: readonly ChoiceProgress[], key: string) {
  return [0, 1].map((choice) => {
    const its = progress.filter((each) => each.key === key && each.choice === choice);
    return { tokens: its.flatMap(({ tokens }) => tokens) };
  });
}

describe('GenerationEngine', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openTiny();
  });

  test('answers a chat as OpenAI’s clients read it', async () => {
    const body = { messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 5, temperature: 0 };
    const { a } = await answerAll(model, [task('a', { ...body, logprobs: true, top_logprobs: 2 })]);
    expect(a?.statusCode).toBe(200);
    expect(a?.body).toMatchObject({
      object: 'chat.completion',
      created: 1_764_000_000,
      model: 'tiny',
      system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{16}$/),
      choices: [{ index: 0, message: { role: 'assistant', refusal: null }, finish_reason: 'length' }],
      usage: { completion_tokens: 5 },
    });
    const place = a?.body['choices'][0].logprobs.content[0];
    expect(place.top_logprobs).toHaveLength(2);
    expect(place.top_logprobs[0].logprob).toBeCloseTo(place.logprob, 5);
    expect(a?.body['usage'].total_tokens).toBe(a?.body['usage'].prompt_tokens + 5);
  });

  test('draws the same for a seed, and something else for another request or seed', async () => {
    const body = { prompt: 'The', max_tokens: 20, temperature: 1.2 };
    const answers = await answerAll(model, [
      task('a', { ...body, seed: 7 }),
      task('b', { ...body, seed: 7 }),
      task('c', { ...body, seed: 8 }),
      task('d', body),
      task('e', body),
    ]);
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((key) => answers[key]?.text);
    expect(a).toBe(b);
    expect(new Set([a, c, d, e]).size).toBe(4);
  });

  test('ends before a stop string and never shows its beginning', async () => {
    const whole =
      (await answerAll(model, [task('a', { prompt: 'The', max_tokens: 30, temperature: 0 })]))['a']?.text ?? '';
    const stop = whole.slice(8, 11);
    let shown = '';
    const body = { prompt: 'The', max_tokens: 30, temperature: 0, stop: [stop, 'never comes'] };
    const { a } = await answerAll(model, [task('a', body)], {}, ({ progress }) => {
      for (const { text } of progress) {
        shown += text;
        expect(whole.slice(0, whole.indexOf(stop)).startsWith(shown)).toBe(true);
      }
    });
    expect(a?.text).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(a?.body['choices'][0].finish_reason).toBe('stop');
    expect(shown).toBe(a?.text);
  });

  test('bans a token by its bias and keeps penalties', async () => {
    const body = { prompt: 'The', max_tokens: 12, temperature: 0 };
    const drawn: number[] = [];
    const keep = ({ progress }: StepResult): void => {
      for (const { tokens } of progress) drawn.push(...tokens);
    };
    const plain = await answerAll(model, [task('a', body)], {}, keep);
    const [banned] = drawn.splice(0);
    await answerAll(model, [task('a', { ...body, logit_bias: { [String(banned)]: -100 } })], {}, keep);
    expect(drawn).toHaveLength(12);
    expect(drawn).not.toContain(banned);
    const { b } = await answerAll(model, [task('b', { ...body, frequency_penalty: 2, presence_penalty: 2 })]);
    expect(b?.text).not.toBe(plain['a']?.text);
  });

  test('reads a common beginning once', async () => {
    const system = { role: 'system', content: 'Be short and kind to everybody who asks. '.repeat(3) };
    const bodies = [0, 1, 2, 3, 4].map((index) =>
      task(String(index), {
        messages: [system, { role: 'user', content: `Question ${index}` }],
        max_tokens: 4,
        temperature: 0,
      }),
    );
    let read = 0;
    const counting: LanguageModel = {
      ...model,
      network: {
        ...model.network,
        forward: async (input) => {
          if (input.tokens.length === 1) read += input.tokens[0]?.length ?? 0;
          return model.network.forward(input);
        },
      },
    };
    const answers = await answerAll(counting, bodies, { prefillTokens: 32 });
    const prompt: number = answers['0']?.body['usage'].prompt_tokens;
    expect(prompt).toBeGreaterThan(120);
    expect(read).toBeLessThan(prompt + 5 * 40);
    for (const [index, body] of bodies.entries()) {
      expect(answers[index]?.text).toBe((await answerAll(model, [body]))[index]?.text);
    }
  });

  test('answers bad requests at once and their neighbours as ever', async () => {
    const answers = await answerAll(model, [
      task('long', { prompt: 'x'.repeat(600) }),
      task('field', { prompt: 'x', top_k: 3 }),
      task('token', { prompt: [99_999] }),
      task('tools', {
        messages: [{ role: 'user', content: 'x' }],
        tools: [{ type: 'function', function: { name: 'f' } }],
      }),
      task('good', { prompt: 'x', max_tokens: 3 }),
    ]);
    expect(answers['long']?.body['error'].code).toBe('context_length_exceeded');
    expect(answers['field']?.body['error']).toMatchObject({ code: 'unsupported_parameter', param: 'top_k' });
    expect(answers['token']?.body['error'].code).toBe('invalid_token');
    expect(answers['tools']?.body['error'].param).toBe('tools');
    expect(answers['good']?.statusCode).toBe(200);
  });

  test('goes on with fewer rows when a step of many fails, and fails a row only when it fails alone', async () => {
    const failing: LanguageModel = {
      ...model,
      network: {
        ...model.network,
        forward: async (input) => {
          if (input.tokens.length > 2) throw new Error('no memory');
          return model.network.forward(input);
        },
      },
    };
    expect(textsOf(await answerAll(failing, tasks()))).toEqual(textsOf(await answerAll(model, tasks())));
  });

  test('lets requests leave and join while others go on', async () => {
    const engine = new GenerationEngine(model, { rows: 8 });
    engine.add([
      task('a', { prompt: 'The', max_tokens: 40, temperature: 0 }),
      task('b', { prompt: 'A', max_tokens: 40 }),
    ]);
    for (let step = 0; step < 6; step += 1) await engine.step();
    engine.cancel(['b']);
    engine.add([task('c', { prompt: 'He', max_tokens: 4, temperature: 0 })]);
    const order: string[] = [];
    for (let open = 1; open > 0;) {
      const result = await engine.step();
      order.push(...result.finished.map(({ key }) => key));
      open = result.open;
    }
    expect(order).toEqual(['c', 'a']);
  });

  test('holds less memory than its limit: rows wait when it is used up', async () => {
    let widest = 0;
    const watched: LanguageModel = {
      ...model,
      network: {
        ...model.network,
        forward: async (input) => {
          const output = await model.network.forward(input);
          for (const tensor of output.kv.tensors.values()) {
            expect(tensor).toBeInstanceOf(Tensor);
            widest = Math.max(widest, tensor.size * 4 * output.kv.tensors.size);
          }
          return output;
        },
      },
    };
    const kvBytes = 3 * 512 * 260;
    await answerAll(watched, tasks(), { kvBytes });
    expect(widest).toBeGreaterThan(0);
    expect(widest * 3).toBeLessThanOrEqual(kvBytes);
  });
});
