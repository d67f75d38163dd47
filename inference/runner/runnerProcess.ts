import { InferenceSession } from 'onnxruntime-node';
import type { ExecutionProvider } from '../../domain/hardwareClasses.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { GenerationEngine } from '../generation/engine.ts';
import { openLoadedLanguageModel } from '../generation/loadedLanguageModel.ts';
import type { StepResult } from '../generation/generationTask.ts';
import { imageCtcPipeline, type AnswerRequest } from './imageCtc.ts';
import { BadRequest, badRequestAnswer, inferenceFailedAnswer, reasonOf } from './openInference.ts';
import type { LoadedModel, RunnerReply, RunnerRequest, SessionSettings } from './protocol.ts';
import { rerankPipeline } from './rerank.ts';
import { tensorsPipeline } from './tensors.ts';
import { textClassificationPipeline } from './textClassification.ts';
import { textEmbeddingPipeline } from './textEmbedding.ts';

/** The forked process that holds one model and computes. It knows no job, no network and no store. */

let answerRequest: AnswerRequest | undefined;
/** Of a model that generates text, in place of `answerRequest`. */
let engine: GenerationEngine | undefined;

/** One request after the other: the parent sends the next one ahead, so that this process never waits for it. */
let turn = Promise.resolve();
process.on('message', (message: RunnerRequest) => {
  turn = turn.then(() => handle(message));
});
// Without a parent nobody wants the answers.
process.on('disconnect', () => process.exit(0));

async function handle(request: RunnerRequest): Promise<void> {
  switch (request.type) {
    case 'load':
      try {
        const { session, ...used } = await openSession(request);
        if (request.model.pipeline.kind === 'text-generation') {
          engine = new GenerationEngine(await openLoadedLanguageModel(session, request.model));
        } else answerRequest = await pipelineOf(session, request.model);
        reply({ type: 'ready', ...used });
      } catch (error) {
        reply({ type: 'load_failed', message: String(error) });
      }
      return;
    case 'run': {
      if (answerRequest === undefined) throw new Error('run before load');
      const answers: Answer[] = [];
      for (const body of request.bodies) answers.push(await answer(answerRequest, body));
      reply({ type: 'answers', answers });
      return;
    }
    case 'step':
      if (engine === undefined) throw new Error('step before load');
      engine.add(request.add);
      engine.cancel(request.cancel);
      reply({ type: 'stepped', result: await steps(engine, request.budgetMs) });
      return;
    default:
      request satisfies never;
  }
}

/** Steps until something is finished or the time is used up; at least one. */
async function steps(engine: GenerationEngine, budgetMs: number): Promise<StepResult> {
  const startedAtMs = performance.now();
  const progress: StepResult['progress'][number][] = [];
  for (;;) {
    const result = await engine.step();
    progress.push(...result.progress);
    const isOver = performance.now() - startedAtMs >= budgetMs;
    if (result.finished.length > 0 || result.open === 0 || isOver) return { ...result, progress };
  }
}

type LoadRequest = Extract<RunnerRequest, { readonly type: 'load' }>;

interface OpenedSession {
  readonly session: InferenceSession;
  readonly provider: ExecutionProvider;
  readonly refusal?: string;
}

/** With the provider that was asked for where this computer has it, else with the one that every computer has. */
async function openSession({ model, provider, settings }: LoadRequest): Promise<OpenedSession> {
  try {
    return { session: await createSession(model, provider, settings), provider };
  } catch (error) {
    if (provider === 'cpu') throw error;
    return { session: await createSession(model, 'cpu', settings), provider: 'cpu', refusal: String(error) };
  }
}

function createSession(
  model: LoadedModel,
  provider: ExecutionProvider,
  { threads, optimisation }: SessionSettings,
): Promise<InferenceSession> {
  return InferenceSession.create(model.modelPath, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: optimisation,
    // Steps of fixed shapes take the same memory again and again, which the system would map and clear anew each time.
    // Others' inputs vary, and would leave the process with the most that it ever needed.
    enableCpuMemArena: model.pipeline.kind === 'training',
    // What a training graph's weights begin with is used by no node, which is no news.
    logSeverityLevel: 3,
  });
}

async function pipelineOf(session: InferenceSession, model: LoadedModel): Promise<AnswerRequest> {
  const { pipeline } = model;
  switch (pipeline.kind) {
    case 'image-ctc':
      return imageCtcPipeline(session, model, pipeline);
    case 'text-embedding':
      return textEmbeddingPipeline(session, model, pipeline);
    case 'text-classification':
      return textClassificationPipeline(session, model, pipeline);
    case 'rerank':
      return rerankPipeline(session, model, pipeline);
    case 'text-generation':
      throw new Error('A model that generates text has an engine.');
    case 'tensors':
      return tensorsPipeline(session, model, pipeline);
    case 'training':
      // Read by those cars alone that train.
      return (await import('../training/trainingPipeline.ts')).trainingPipeline(session, model, pipeline);
    default:
      throw new Error(`There is no pipeline "${String(pipeline satisfies never)}".`);
  }
}

async function answer(answerRequest: AnswerRequest, body: unknown): Promise<Answer> {
  try {
    return await answerRequest(body);
  } catch (error) {
    if (error instanceof BadRequest) return badRequestAnswer(error);
    // One input that the network cannot digest must not keep its shard from ever finishing.
    return inferenceFailedAnswer(reasonOf(error));
  }
}

function reply(message: RunnerReply): void {
  process.send?.(message);
}
