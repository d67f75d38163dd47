import type { Pipeline } from '../../domain/models.ts';
import type { ExecutionProvider } from '../../domain/hardwareClasses.ts';
import type { Answer } from '../../domain/answerLine.ts';
import type { GenerationTask, StepResult } from '../generation/generationTask.ts';

/** The model as the runner's process opens it: files whose hashes have been checked. */
export interface LoadedModel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the network; what it keeps in other files lies beside it. */
  readonly modelPath: string;
  /** Paths of what the pipeline needs beside the network, by sha256. */
  readonly assetPaths: Readonly<Record<string, string>>;
  /** Of a model that is a folder: paths of its files by their path below it, e.g. "tokenizer.json". */
  readonly filePaths?: Readonly<Record<string, string>>;
  readonly pipeline: Pipeline;
}

/** How ONNX Runtime computes; answers hardly depend on it, as they hardly depend on the computer. */
export interface SessionSettings {
  readonly threads: number;
  readonly optimisation: 'basic' | 'all';
}

/** Of cars: one thread is the most work per joule, and the same sums in the same order on every car of a class. */
export const CAR_SETTINGS: SessionSettings = { threads: 1, optimisation: 'all' };

/** Takes requests in and out of the engine, and goes on with those that are open. */
export interface StepRequest {
  readonly type: 'step';
  readonly add: readonly GenerationTask[];
  /** Keys of requests whose answers nobody wants any more. */
  readonly cancel: readonly string[];
  /** Real time after which the reply is sent, with what is there then. */
  readonly budgetMs: number;
}

/** Parent to child: `load`, then any number of `run`, or of `step` for a model that generates. Each is answered, in order. */
export type RunnerRequest =
  | {
      readonly type: 'load';
      readonly model: LoadedModel;
      readonly provider: ExecutionProvider;
      readonly settings: SessionSettings;
    }
  | { readonly type: 'run'; readonly bodies: readonly unknown[] }
  | StepRequest;

/** Child to parent. */
export type RunnerReply =
  /** `refusal`: why the provider that was asked for is not used. */
  | { readonly type: 'ready'; readonly provider: ExecutionProvider; readonly refusal?: string }
  | { readonly type: 'load_failed'; readonly message: string }
  | { readonly type: 'answers'; readonly answers: readonly Answer[] }
  | { readonly type: 'stepped'; readonly result: StepResult };
