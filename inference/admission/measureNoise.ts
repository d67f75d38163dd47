import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { answerDistance } from '../../domain/trust/sameAnswer.ts';
import { wider, type MeasuredNoise } from '../../domain/trust/tolerance.ts';
import { CAR_SETTINGS, type LoadedModel, type SessionSettings } from '../runner/protocol.ts';
import { Runner, type RunnerOptions } from '../runner/runner.ts';

/** Sums in another order, and by other kernels: as on another computer. */
const OTHER_SETTINGS: readonly SessionSettings[] = [
  { threads: 2, optimisation: 'all' },
  { threads: 1, optimisation: 'basic' },
];
const NONE: MeasuredNoise = { numbers: 0, logits: 0 };

/**
 * How far answers of the model are apart that one computer gives on other settings of the runtime, and in other batches:
 * what honest cars differ by at least.
 * @param body of the request that the model is probed with
 * @throws RunnerCrash when it does not run on other settings
 */
export async function measureNoise(
  model: LoadedModel,
  limits: Partial<RunnerOptions>,
  body: unknown,
): Promise<MeasuredNoise> {
  const isText = model.pipeline.kind === 'text-generation';
  const said = await withRunner({ ...limits, settings: CAR_SETTINGS }, (runner) =>
    isText ? written(runner, model) : runner.run(model, bodiesFor(model, body)),
  );
  let noise = isText ? NONE : wider(NONE, { numbers: batchNoise(said), logits: 0 });
  for (const settings of OTHER_SETTINGS) {
    const apart = await withRunner({ ...limits, settings }, async (runner) =>
      isText ? textNoise(runner, model, said) : numberNoise(said, await runner.run(model, bodiesFor(model, body))),
    );
    noise = wider(noise, apart);
  }
  return noise;
}

async function withRunner<Result>(
  options: Partial<RunnerOptions>,
  use: (runner: Runner) => Promise<Result>,
): Promise<Result> {
  const runner = new Runner(options);
  try {
    return await use(runner);
  } finally {
    await runner.stop();
  }
}

const PROMPTS = ['A parked car at night', 'The price of power is', 'Once', 'One, two, three,', 'In the year', 'Dear'];
const TOKENS_OF_PROMPT = 32;
const task = (index: number): { id: string; body: unknown; createdAtSeconds: number } => ({
  id: `probe-${index}`,
  body: {
    model: 'probe',
    prompt: PROMPTS[index],
    max_tokens: TOKENS_OF_PROMPT,
    temperature: index < 2 ? 0 : 1,
    logprobs: 0,
  },
  createdAtSeconds: 0,
});

/** All in one batch. */
function written(runner: Runner, model: LoadedModel): Promise<Answer[]> {
  return Promise.all(PROMPTS.map((_, index) => runner.generate(model, task(index))));
}

const logprobsSchema = z.object({
  choices: z.array(z.object({ logprobs: z.object({ token_logprobs: z.array(z.number()) }) })),
});

/** Of the probability of each token that was written, which is known where the token is read. */
async function textNoise(runner: Runner, model: LoadedModel, said: readonly Answer[]): Promise<MeasuredNoise> {
  const reread = await Promise.all(
    said.map(({ tokens = [] }, index) => runner.generate(model, { ...task(index), claimed: tokens })),
  );
  const distances = reread.flatMap(({ body, replay = [] }, index) => {
    const before = logprobsOf(said[index]?.body);
    const ofDraws = replay.flatMap((choice) => choice.distances).filter(Number.isFinite);
    return [...logprobsOf(body).map((logprob, place) => Math.abs(logprob - (before[place] ?? logprob))), ...ofDraws];
  });
  return { numbers: 0, logits: Math.max(0, ...distances) };
}

function logprobsOf(body: unknown): number[] {
  const choices = logprobsSchema.safeParse(body).data?.choices ?? [];
  return choices.flatMap(({ logprobs }) => logprobs.token_logprobs);
}

/** The probe's request, and of embeddings also in a batch of others, whose neighbours move dynamically quantised numbers. */
function bodiesFor({ pipeline: { kind } }: LoadedModel, body: unknown): unknown[] {
  const { input } = z.object({ input: z.string() }).safeParse(body).data ?? {};
  if (kind !== 'text-embedding' || input === undefined) return [body];
  return [body, { input: [input, ...PROMPTS.map((prompt) => `${prompt}. ${prompt}!`)] }];
}

const embeddingsSchema = z.object({ data: z.array(z.object({ embedding: z.array(z.number()) })).min(1) });

/** Between an input alone and the same one among others. */
function batchNoise([alone, among]: readonly Answer[]): number {
  const [first, second] = [alone, among].map((answer) => embeddingsSchema.safeParse(answer?.body).data?.data[0]);
  return first && second ? finite(answerDistance(second.embedding, first.embedding)) : 0;
}

/** A text that is another one is no noise of numbers: it is left to the share of honest differences. */
function numberNoise(said: readonly Answer[], others: readonly Answer[]): MeasuredNoise {
  const distances = others.map((answer, index) => finite(answerDistance(answer.body, said[index]?.body)));
  return { numbers: Math.max(0, ...distances), logits: 0 };
}

function finite(distance: number): number {
  return Number.isFinite(distance) ? distance : 0;
}
