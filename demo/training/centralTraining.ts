import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { TrainingPipeline } from '../../domain/models.ts';
import { trainingUpdateSchema, type LocalOptimizer, type TrainingTask } from '../../domain/training.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import type { Runner } from '../../inference/runner/runner.ts';
import { evaluatedSchema } from '../../inference/training/trainingPipeline.ts';
import { trainTask } from '../../inference/training/trainTask.ts';
import { bytesFromFloats, floatsFromBase64 } from '../../training/floats.ts';
import { LABELS } from '../../training/losses.ts';

export interface CentralPoint {
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
}

const exampleSchema = z.record(z.string(), z.union([z.number(), z.array(z.number())]));
const exampleOf = (line: string): z.output<typeof exampleSchema> => exampleSchema.parse(JSON.parse(line));

/** Examples of a file as a task has them. Every input is of whole numbers. */
export function dataOfFile(text: string, { inputs }: Pick<TrainingPipeline, 'inputs'>): TrainingTask['data'] {
  const examples = text.trimEnd().split('\n').map(exampleOf);
  const column = (name: string): string =>
    Buffer.from(Int32Array.from(examples.flatMap((example) => example[name] ?? [])).buffer).toString('base64');
  return { examples: examples.length, inputs: Object.fromEntries(inputs.map(({ name }) => [name, column(name)])) };
}

/**
 * Trains in one place on all examples, as many steps at a time as a client takes in a round: what the fleet is held
 * against.
 */
export async function trainCentrally(
  runner: Runner,
  model: LoadedModel & { readonly pipeline: TrainingPipeline },
  start: Float32Array,
  given: {
    readonly optimizer: LocalOptimizer;
    readonly rounds: number;
    readonly stepsPerRound: number;
    readonly train: string;
    readonly test: string;
    readonly signal: AbortSignal;
  },
): Promise<CentralPoint[]> {
  const data = dataOfFile(given.train, model.pipeline);
  const test = dataOfFile(given.test, model.pipeline);
  const points: CentralPoint[] = [];
  let weights = start;
  for (let round = 1; round <= given.rounds; round++) {
    const weightBytes = bytesFromFloats(weights);
    const task: TrainingTask = {
      model: model.name,
      client: 'central',
      weights_sha256: createHash('sha256').update(weightBytes).digest('hex'),
      steps: given.stepsPerRound,
      optimizer: given.optimizer,
      proximal_mu: 0,
      seed: round,
      data,
    };
    const { body } = await trainTask({ runner, model, body: task, weightBytes, signal: given.signal });
    const { update } = trainingUpdateSchema.parse(body);
    const change = floatsFromBase64(update);
    weights = weights.map((weight, index) => weight + (change[index] ?? 0));
    const local = { weights, budgetMs: 0 };
    const [answer] = await runner.run(model, [{ evaluate: test, local }]);
    const { loss, correct, counted } = evaluatedSchema.parse(answer?.body);
    points.push({ steps: round * given.stepsPerRound, loss, accuracy: correct / counted });
  }
  return points;
}

/** The share of the most frequent label: what anyone reaches without reading. */
export function guessed(text: string): number {
  const counts = new Map<number, number>();
  let all = 0;
  for (const line of text.trimEnd().split('\n')) {
    for (const label of [exampleOf(line)[LABELS] ?? []].flat()) {
      if (label < 0) continue;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      all += 1;
    }
  }
  return Math.max(...counts.values()) / all;
}
