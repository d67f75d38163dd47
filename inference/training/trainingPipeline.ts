import { readFile } from 'node:fs/promises';

import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { issueText } from '../../domain/issueText.ts';
import type { TrainingPipeline } from '../../domain/models.ts';
import { trainingTaskSchema, UPDATE_OBJECT, type TrainingTask, type TrainingUpdate } from '../../domain/training.ts';
import { gradientName, initialWeights, rowsName, sizeOf, sliceOf } from '../../training/compile.ts';
import { base64FromFloats } from '../../training/floats.ts';
import {
  clip,
  examplesOfStep,
  localStep,
  startLocally,
  type Gradient,
  type LocalState,
  type Span,
} from '../../training/localSteps.ts';
import { CORRECT_OUTPUT, COUNTED_OUTPUT, LOSS_OUTPUT } from '../../training/losses.ts';
import type { AnswerRequest } from '../runner/imageCtc.ts';
import { BadRequest } from '../runner/openInference.ts';
import type { LoadedModel } from '../runner/protocol.ts';
import { readExamples } from './examples.ts';

/** What the body of a task carries beside it from the process's parent: never from a request. */
export interface LocalRun {
  /** Of the round. */
  readonly weights: Float32Array;
  /** To go on from; undefined: from the round's weights. */
  readonly state?: LocalState;
  /** Real time after which the answer is what there is then. */
  readonly budgetMs: number;
}

/** A state that is not the last one. */
export const STATE_OBJECT = 'training.state';
/** How well weights do on examples. */
export const EVALUATION_OBJECT = 'training.evaluation';

export interface Evaluation {
  readonly object: typeof EVALUATION_OBJECT;
  readonly examples: number;
  /** Mean over the examples. */
  readonly loss: number;
  /** Of how many labels the most probable class is right, and how many count; 0 where the loss knows no classes. */
  readonly correct: number;
  readonly counted: number;
}

const evaluationSchema = z.object({ evaluate: trainingTaskSchema.shape.data });
/** An evaluation as it comes back from the process. */
export const evaluatedSchema = z.object({
  object: z.literal(EVALUATION_OBJECT),
  examples: z.number(),
  loss: z.number(),
  correct: z.number(),
  counted: z.number(),
});
const localSchema = z.object({ local: z.custom<LocalRun>().optional() });

/** Local steps and evaluation on a training graph. The same task and weights give the same bytes on one class of computers. */
export async function trainingPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: TrainingPipeline,
): Promise<AnswerRequest> {
  const initial = initialWeights(await readFile(model.modelPath), pipeline);
  const graph = new TrainingGraph(session, pipeline);
  return async (body) => {
    const { local } = localSchema.parse(body);
    const evaluation = evaluationSchema.safeParse(body).data;
    if (evaluation) return answerOf(await evaluate(graph, pipeline, evaluation.evaluate, local?.weights ?? initial));
    const parsed = trainingTaskSchema.safeParse(body);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const param = issue?.path.join('.') ?? '';
      throw new BadRequest('invalid_body', param, `${param}: ${issueText(issue)}.`);
    }
    const run = local ?? { weights: initial, budgetMs: Number.POSITIVE_INFINITY };
    const state = await steps(graph, pipeline, parsed.data, run);
    if (state.step < parsed.data.steps) return answerOf({ object: STATE_OBJECT, state });
    return answerOf(updateOf(parsed.data, state, run.weights));
  };
}

function answerOf(body: unknown): Answer {
  return { statusCode: 200, body };
}

async function steps(
  graph: TrainingGraph,
  pipeline: TrainingPipeline,
  task: TrainingTask,
  { weights, state: before, budgetMs }: LocalRun,
): Promise<LocalState> {
  const examples = readExamples(task.data, pipeline);
  const perStep = pipeline.inputs[0]?.shape[0] ?? 1;
  const endsAtMs = performance.now() + budgetMs;
  let state = before ?? startLocally(weights, task.optimizer);
  while (state.step < task.steps) {
    const chosen = examplesOfStep(state.step, perStep, examples.count, task.seed);
    const { loss, gradient } = await graph.gradient(state.weights, examples.feedsOf(chosen));
    if (!Number.isFinite(loss)) {
      throw new BadRequest('invalid_body', 'optimizer', 'The loss is no number: take a smaller learning rate.');
    }
    state = localStep(state, task.optimizer, gradient, loss, { weights, mu: task.proximal_mu });
    if (performance.now() >= endsAtMs) break;
  }
  return state;
}

function updateOf(task: TrainingTask, state: LocalState, weights: Float32Array): TrainingUpdate {
  const update = state.weights.map((weight, index) => weight - (weights[index] ?? 0));
  if (task.clip_norm !== undefined) clip(update, task.clip_norm);
  return {
    object: UPDATE_OBJECT,
    client: task.client,
    steps: state.step,
    examples: task.data.examples,
    loss: state.lossSum / state.step,
    update: base64FromFloats(update),
  };
}

async function evaluate(
  graph: TrainingGraph,
  pipeline: TrainingPipeline,
  data: TrainingTask['data'],
  weights: Float32Array,
): Promise<Evaluation> {
  const examples = readExamples(data, pipeline);
  const perStep = pipeline.inputs[0]?.shape[0] ?? 1;
  // What does not fill a step is left out; where all do not, they are repeated.
  const runs = Math.max(1, Math.floor(examples.count / perStep));
  let [loss, correct, counted] = [0, 0, 0];
  for (let run = 0; run < runs; run++) {
    const chosen = Array.from({ length: perStep }, (_, offset) => (run * perStep + offset) % examples.count);
    const found = await graph.gradient(weights, examples.feedsOf(chosen));
    loss += found.loss / runs;
    correct += found.correct;
    counted += found.counted;
  }
  return { object: EVALUATION_OBJECT, examples: runs * perStep, loss, correct, counted };
}

/** A training graph in a session: flat lists in and out. One call at a time. */
export class TrainingGraph {
  readonly #session: Pick<InferenceSession, 'run'>;
  readonly #pipeline: TrainingPipeline;
  readonly #values: Float32Array;
  #spans: Span[] = [];

  constructor(session: Pick<InferenceSession, 'run'>, pipeline: TrainingPipeline) {
    this.#session = session;
    this.#pipeline = pipeline;
    this.#values = new Float32Array(pipeline.weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  }

  /** The gradient is good until the next call. */
  async gradient(weights: Float32Array, feeds: Readonly<Record<string, Tensor>>) {
    if (weights.length !== this.#values.length) {
      throw new BadRequest(
        'invalid_body',
        'weights_sha256',
        `The model has ${this.#values.length} weights; ${weights.length} were given.`,
      );
    }
    const { weights: specs, counts } = this.#pipeline;
    const given = specs.map(({ name, shape }, index) => [
      name,
      new Tensor('float32', sliceOf(specs, weights, index), shape),
    ]);
    const outputs = await this.#session.run({ ...feeds, ...Object.fromEntries(given) });
    const number = (name: string): number => Number(outputs[name]?.data[0]);
    return {
      loss: number(LOSS_OUTPUT),
      gradient: this.#gathered(outputs),
      correct: counts ? number(CORRECT_OUTPUT) : 0,
      counted: counts ? number(COUNTED_OUTPUT) : 0,
    };
  }

  #gathered(outputs: InferenceSession.ReturnType): Gradient {
    const values = this.#values;
    for (const { start, end } of this.#spans) values.fill(0, start, end);
    this.#spans = [];
    let at = 0;
    for (const { name, shape, rows } of this.#pipeline.weights) {
      const part = outputs[gradientName(name)]?.data;
      if (!(part instanceof Float32Array)) throw new Error(`The graph gives no gradient of "${name}".`);
      const end = at + sizeOf(shape);
      if (rows === undefined) {
        values.set(part, at);
        this.#spans.push({ start: at, end });
      } else {
        const numbers = outputs[rowsName(name)]?.data;
        if (!(numbers instanceof Int32Array))
          throw new Error(`The graph does not say which rows of "${name}" it took.`);
        this.#addRows(values.subarray(at, end), at, shape[0] ?? 0, part, numbers);
      }
      at = end;
    }
    return { values, spans: this.#spans };
  }

  /** In the order in which they come: rows that were taken twice have the sum. */
  #addRows(table: Float32Array, at: number, height: number, part: Float32Array, numbers: Int32Array): void {
    const width = table.length / height;
    const seen = new Set<number>();
    let from = 0;
    for (const number of numbers) {
      // Counted from the end.
      const row = number < 0 ? number + height : number;
      if (row < 0 || row >= height) throw new Error(`The graph took row ${number} of a table of ${height}.`);
      const start = row * width;
      for (let column = 0; column < width; column++) {
        table[start + column] = (table[start + column] ?? 0) + (part[from + column] ?? 0);
      }
      from += width;
      if (seen.has(row)) continue;
      seen.add(row);
      this.#spans.push({ start: at + start, end: at + start + width });
    }
  }
}
