import { seededRandom } from '../../domain/random.ts';
import { GenerationEngine } from '../../inference/generation/engine.ts';
import type { LanguageModel } from '../../inference/generation/languageModel.ts';
import { openTiny, task } from '../inference/generation/support.ts';
import { mutated } from './mutations.ts';

const CHAT = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Be short' },
    { role: 'user', content: [{ type: 'text', text: 'The car 😀' }] },
  ],
  max_completion_tokens: 2,
  temperature: 0.7,
  top_p: 0.9,
  seed: 7,
  stop: ['.', '\n'],
  n: 2,
  logprobs: true,
  top_logprobs: 2,
  logit_bias: { '5': -100 },
  presence_penalty: 0.5,
};
/** Requests that are answered, of every form; the fuzzer changes their bytes. */
const VALID = [
  CHAT,
  {
    model: 'm',
    messages: CHAT.messages,
    max_tokens: 4,
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'x',
        schema: {
          type: 'object',
          properties: {
            a: { type: 'array', items: { type: 'integer' }, maxItems: 3 },
            b: { anyOf: [{ const: 1 }, { type: 'null' }] },
          },
          required: ['a'],
          additionalProperties: false,
        },
      },
    },
  },
  { model: 'm', prompt: 'Once upon', max_tokens: 3, echo: false, logprobs: 1, frequency_penalty: -1 },
  { model: 'm', prompt: [1, 2, 3], max_tokens: 2, temperature: 0 },
  {
    model: 'm',
    instructions: 'Be short',
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'x' },
    ],
    max_output_tokens: 2,
    text: { format: { type: 'text' } },
  },
];

// oxfmt-ignore
const HOSTILE: readonly unknown[] = [
  null, true, false, -1, 0, 0.5, 7, 1e9, 1e308, '', 'x', '\0', '\uD800', '😀', '</s>', '{{', 'a'.repeat(3_000),
  [], {}, [[]], [null], { $ref: '#' }, { type: 'string', pattern: '(a+)+' }, { role: 'user', content: 'x' }, [1, 2],
];

/** Mutations seldom ask for so little: what a hostile request may write is not what is tried here. */
const MAX_TOKENS = 8;
/** Most changes of bytes leave no JSON; changes of values get further. */
const SHARE_OF_BYTES = 0.2;
const MAX_STEPS = 4_000;
const AT_ONCE = 16;

export interface GenerationFuzzResult {
  readonly requests: number;
  readonly answered: number;
  readonly refused: number;
}

/**
 * Gives an engine hostile requests, each batch with one honest neighbour. Every request is answered, by 200 or by an
 * error that names its field, and the neighbour always says the same.
 * @throws Error naming seed, number and body of the request that was not
 */
export async function fuzzGeneration(options: {
  readonly requests: number;
  readonly seed: number;
}): Promise<GenerationFuzzResult> {
  const model = await openTiny();
  const random = seededRandom(options.seed);
  const expected = JSON.stringify((await answersTo(model, new Map())).get('honest'));
  let [answered, refused] = [0, 0];
  for (let done = 0; done < options.requests;) {
    const bodies = new Map<string, unknown>();
    for (; bodies.size < AT_ONCE && done < options.requests; done++) {
      const valid = VALID[done % VALID.length];
      const isOfBytes = random() < SHARE_OF_BYTES;
      const body = isOfBytes
        ? bodyOf(mutated(Buffer.from(JSON.stringify(valid)), random))
        : limited(JSON.parse(JSON.stringify(changed(valid, random))));
      bodies.set(`${done}`, body);
    }
    const answers = await answersTo(model, bodies);
    const where = `seed ${options.seed}, requests ${[...bodies.keys()].join(', ')}`;
    if (JSON.stringify(answers.get('honest')) !== expected)
      throw new Error(`${where}: the neighbour says something else`);
    for (const [key, body] of bodies) {
      const answer = answers.get(key);
      if (answer?.statusCode === 200) answered++;
      else if (answer?.statusCode === 400 && isDocumented(answer.body)) refused++;
      else throw new Error(`${where}: ${key}: ${JSON.stringify(answer)}\n${JSON.stringify(body)}`);
    }
  }
  return { requests: options.requests, answered, refused };
}

/** The value with one of its parts, or a part of that, put in place of another, left out or doubled. */
function changed(value: unknown, random: () => number): unknown {
  const drawn = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  if (typeof value !== 'object' || value === null || random() < 0.2) return drawn(HOSTILE);
  const entries = Object.entries(value);
  const at = drawn(entries.map((_, index) => index)) ?? 0;
  const [name = 'x', held] = entries[at] ?? [];
  const way = random();
  if (way < 0.1) entries.splice(at, 1);
  else if (way < 0.2) entries.splice(at, 0, [`${name}${drawn(['', '_', '0'])}`, held]);
  else entries[at] = [name, changed(held, random)];
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** Bytes that are no JSON never reach the engine: as a text, they are a body of another kind. */
function bodyOf(bytes: Buffer): unknown {
  try {
    return limited(JSON.parse(bytes.toString('utf8')));
  } catch {
    return bytes.toString('latin1');
  }
}

/** Long answers and many choices are limits of their own, and would only make the fuzzer slow. */
function limited(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const short = (value: unknown): unknown => (typeof value === 'number' && value > MAX_TOKENS ? MAX_TOKENS : value);
  const fields = Object.entries(body).map(([name, value]) => [name, /^max_|^n$/.test(name) ? short(value) : value]);
  const limit = 'messages' in body || 'prompt' in body ? 'max_tokens' : 'max_output_tokens';
  return { [limit]: MAX_TOKENS, ...Object.fromEntries(fields) };
}

async function answersTo(model: LanguageModel, bodies: ReadonlyMap<string, unknown>) {
  const engine = new GenerationEngine(model);
  const hostile = [...bodies].map(([key, body]) => ({ ...task(key, {}), body }));
  engine.add([...hostile, task('honest', { prompt: 'The car', max_tokens: 3, temperature: 0.8, seed: 1 })]);
  const answers = new Map<string, { readonly statusCode: number; readonly body: unknown }>();
  for (let steps = 0, open = 1; open > 0; steps++) {
    if (steps > MAX_STEPS) throw new Error(`${[...bodies.keys()].join(', ')} do not end`);
    const result = await engine.step();
    for (const { key, answer } of result.finished) answers.set(key, answer);
    open = result.open;
  }
  return answers;
}

function isDocumented(body: unknown): boolean {
  const { error } = Object(body);
  return typeof error?.message === 'string' && typeof error.param === 'string' && typeof error.code === 'string';
}
