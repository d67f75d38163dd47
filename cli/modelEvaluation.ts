import { z } from 'zod';

import { errorSchema } from '../api/wire/error.ts';
import { isErrorCode, NightshiftError } from '../domain/errors.ts';
import { parseJson } from '../domain/json.ts';

const expectedSchema = z.looseObject({
  ids: z.array(z.number().int().min(0)).min(1),
  /** Of the first tokens, as many as somebody noted. */
  first5: z.array(z.looseObject({ logprob: z.number() })).optional(),
  logprobs: z.array(z.number()).optional(),
});
export const referenceSchema = z.looseObject({
  prompts: z
    .array(
      z.looseObject({
        name: z.string(),
        messages: z.array(z.unknown()).min(1),
        /** What a known-good runtime said greedily; by the runtime's name where there are several. */
        expected: z.union([expectedSchema, z.record(z.string(), expectedSchema)]),
      }),
    )
    .min(1),
});
export type Reference = z.output<typeof referenceSchema>;

export interface ReferencePrompt {
  readonly name: string;
  readonly messages: readonly unknown[];
  readonly ids: readonly number[];
  /** Of the first tokens; may be shorter than `ids`. */
  readonly logprobs: readonly number[];
}

export interface GeneratedTokens {
  readonly ids: readonly number[];
  readonly logprobs: readonly number[];
}

/** How an answer differs from its reference. */
export interface PromptComparison {
  readonly name: string;
  readonly tokens: number;
  /** Tokens before the first that differs: after it, the two answer different questions. */
  readonly agreeing: number;
  /** Of logprobs that both have, of tokens that agree; natural logarithm. */
  readonly logprobDistances: readonly number[];
}

export interface Comparison {
  readonly prompts: number;
  readonly equalPrompts: number;
  readonly tokens: number;
  readonly agreeingTokens: number;
  /** null where the reference has no logprobs. */
  readonly meanLogprobDistance: number | null;
  readonly maxLogprobDistance: number | null;
}

/** @throws NightshiftError `invalid_request` when the reference has several runtimes and none of this name */
export function promptsOf(reference: Reference, runtime: string | undefined): ReferencePrompt[] {
  return reference.prompts.map(({ name, messages, expected }) => {
    const one = expectedSchema.safeParse(expected).data ?? pick(expected, name, runtime);
    const logprobs = one.logprobs ?? one.first5?.map(({ logprob }) => logprob) ?? [];
    return { name, messages, ids: one.ids, logprobs };
  });
}

function pick(expected: object, prompt: string, runtime: string | undefined): z.output<typeof expectedSchema> {
  const entries = Object.entries(expected);
  const found = runtime === undefined && entries.length === 1 ? entries[0] : entries.find(([name]) => name === runtime);
  if (found) return expectedSchema.parse(found[1]);
  const names = entries.map(([name]) => name).join(', ');
  const message = `"${prompt}" has answers of ${names}: name one with --runtime.`;
  throw new NightshiftError('invalid_request', message, { field: '--runtime' });
}

export function comparePrompt({ name, ids, logprobs }: ReferencePrompt, given: GeneratedTokens): PromptComparison {
  const differs = ids.findIndex((id, index) => given.ids[index] !== id);
  const agreeing = differs === -1 ? ids.length : differs;
  const both = Math.min(agreeing, logprobs.length, given.logprobs.length);
  const logprobDistances = logprobs.slice(0, both).map((each, index) => Math.abs(each - (given.logprobs[index] ?? 0)));
  return { name, tokens: ids.length, agreeing, logprobDistances };
}

export function summarise(comparisons: readonly PromptComparison[]): Comparison {
  const distances = comparisons.flatMap(({ logprobDistances }) => logprobDistances);
  return {
    prompts: comparisons.length,
    equalPrompts: comparisons.filter(({ tokens, agreeing }) => tokens === agreeing).length,
    tokens: sum(comparisons.map(({ tokens }) => tokens)),
    agreeingTokens: sum(comparisons.map(({ agreeing }) => agreeing)),
    meanLogprobDistance: distances.length === 0 ? null : sum(distances) / distances.length,
    maxLogprobDistance: distances.length === 0 ? null : Math.max(...distances),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const answerSchema = z.object({
  choices: z.array(
    z.looseObject({
      logprobs: z.object({ content: z.array(z.looseObject({ x_id: z.number(), logprob: z.number() })) }).nullish(),
    }),
  ),
});

/** The tokens of a chat completion, or of a chunk of one, that was asked for its logprobs. */
export function tokensOfAnswer(answer: unknown): GeneratedTokens {
  const tokens = answerSchema.parse(answer).choices.flatMap(({ logprobs }) => logprobs?.content ?? []);
  return { ids: tokens.map(({ x_id: id }) => id), logprobs: tokens.map(({ logprob }) => logprob) };
}

/** @param events of a stream of chat completion chunks @throws NightshiftError that ended the stream */
export async function tokensOfStream(events: AsyncIterable<string>): Promise<GeneratedTokens> {
  const ids: number[] = [];
  const logprobs: number[] = [];
  for await (const data of events) {
    if (data === '[DONE]') break;
    const chunk = parseJson(data);
    const failure = errorSchema.safeParse(chunk).data?.error;
    if (failure) throw new NightshiftError(isErrorCode(failure.code) ? failure.code : 'internal', failure.message);
    const tokens = tokensOfAnswer(chunk);
    ids.push(...tokens.ids);
    logprobs.push(...tokens.logprobs);
  }
  return { ids, logprobs };
}

/** The request whose answer is compared: greedy, as long as the reference; streamed, since on a busy machine it takes minutes. */
export function requestFor(model: string, { messages, ids }: ReferencePrompt): object {
  return { model, messages, temperature: 0, max_completion_tokens: ids.length, logprobs: true, stream: true };
}

export function evaluationText(comparisons: readonly PromptComparison[]): string {
  const { prompts, equalPrompts, tokens, agreeingTokens, meanLogprobDistance, maxLogprobDistance } =
    summarise(comparisons);
  const width = Math.max(...comparisons.map(({ name }) => name.length));
  const lines = comparisons.map((each) => {
    const distance = each.logprobDistances.length === 0 ? '-' : Math.max(...each.logprobDistances).toExponential(1);
    return `${each.name.padEnd(width)}  ${String(each.agreeing).padStart(5)} of ${String(each.tokens).padStart(5)} tokens  ${distance}`;
  });
  const share = ((100 * agreeingTokens) / tokens).toFixed(2);
  const distances =
    meanLogprobDistance === null || maxLogprobDistance === null
      ? 'the reference has no logprobs'
      : `logprobs differ by ${meanLogprobDistance.toExponential(1)} on average, at most ${maxLogprobDistance.toExponential(1)}`;
  return [
    ...lines,
    `${equalPrompts} of ${prompts} answers are equal; ${agreeingTokens} of ${tokens} tokens (${share} %) agree before the first that differs; ${distances}`,
  ].join('\n');
}
