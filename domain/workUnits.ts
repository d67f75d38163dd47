import type { Pipeline } from './models.ts';

/** English text has about as many; only ratios between requests count. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Units of work of one request of a batch, at least 1. An estimate from the body's form alone: it is taken before any
 * tokenizer or decoder has seen the body, and a body that the pipeline will refuse has one unit.
 */
export function workUnitsOf(kind: Pipeline['kind'] | undefined, body: Readonly<Record<string, unknown>>): number {
  return Math.max(1, kind === undefined ? 1 : COUNTERS[kind](body));
}

type UnitCounter = (body: Readonly<Record<string, unknown>>) => number;

/** What device time grows with: tokens of texts, pictures, elements of tensors. */
const COUNTERS: Record<Pipeline['kind'], UnitCounter> = {
  'text-embedding': ({ input }) => {
    if (!Array.isArray(input)) return tokensOf(input);
    // A list of numbers is one input of token ids.
    return input.every((item) => typeof item === 'number') ? input.length : sum(input.map(tokensOf));
  },
  'image-ctc': ({ inputs }) => sum(listOf(inputs).map((tensor) => elementsOf(tensor))),
  tensors: ({ inputs }) => sum(listOf(inputs).map((tensor) => elementsOf(tensor))),
};

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
