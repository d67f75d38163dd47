import type { Pipeline } from './models.ts';

/** English text has about as many; only ratios between requests count. */
const CHARACTERS_PER_TOKEN = 4;
/** Where a request names no limit. */
const USUAL_ANSWER_TOKENS = 256;

/**
 * Units of work of one request of a batch, at least 1. An estimate from the body's form alone: it is taken before any
 * tokenizer or decoder has seen the body, and a body that the pipeline will refuse has one unit.
 */
export function workUnitsOf(kind: Pipeline['kind'] | undefined, body: Readonly<Record<string, unknown>>): number {
  return Math.max(1, kind === undefined ? 1 : COUNTERS[kind](body));
}

/** Whether the units of work of a kind are tokens. */
export function countsTokens(kind: Pipeline['kind']): boolean {
  return kind !== 'image-ctc' && kind !== 'tensors' && kind !== 'training';
}

type UnitCounter = (body: Readonly<Record<string, unknown>>) => number;

/** What device time grows with: tokens of texts, pictures, elements of tensors, steps of training. */
const COUNTERS: Record<Pipeline['kind'], UnitCounter> = {
  'text-embedding': ({ input }) => tokensOfAll(input),
  'text-classification': ({ input }) => tokensOfAll(input),
  // The query is read again with each document.
  rerank: ({ query, documents }) =>
    sum(listOf(documents).map((document) => tokensOf(query) + tokensOf(textOf(document)))),
  'text-generation': ({ messages, prompt, input, n, max_completion_tokens, max_output_tokens, max_tokens }) => {
    const choices = countOr(n, 1);
    const answer = countOr(max_completion_tokens ?? max_output_tokens ?? max_tokens, USUAL_ANSWER_TOKENS);
    return tokensIn(messages ?? prompt ?? input) + choices * answer;
  },
  'image-ctc': ({ inputs }) => sum(listOf(inputs).map((tensor) => elementsOf(tensor))),
  tensors: ({ inputs }) => sum(listOf(inputs).map((tensor) => elementsOf(tensor))),
  training: ({ steps }) => countOr(steps, 1),
};

/** Of a text, of a list of texts, or of token ids: a list of numbers is one input. */
function tokensOfAll(input: unknown): number {
  if (!Array.isArray(input)) return tokensOf(input);
  return input.every((item) => typeof item === 'number') ? input.length : sum(input.map(tokensOf));
}

/** Of all that a conversation holds, its form included. */
function tokensIn(conversation: unknown): number {
  if (conversation === undefined) return 0;
  return tokensOf(typeof conversation === 'string' ? conversation : JSON.stringify(conversation));
}

function textOf(document: unknown): unknown {
  return typeof document === 'object' && document !== null && 'text' in document ? document.text : document;
}

function countOr(value: unknown, usual: number): number {
  return typeof value === 'number' && value >= 1 ? value : usual;
}

function tokensOf(input: unknown): number {
  if (typeof input === 'string') return Math.max(1, Math.ceil(input.length / CHARACTERS_PER_TOKEN));
  return Array.isArray(input) ? Math.max(1, input.length) : 1;
}

function elementsOf(tensor: unknown): number {
  if (typeof tensor !== 'object' || tensor === null || !('shape' in tensor)) return 1;
  const lengths = listOf(tensor.shape).map((length) => (typeof length === 'number' && length > 0 ? length : 1));
  return lengths.reduce((product, length) => product * length, 1);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
