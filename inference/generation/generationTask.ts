import type { Answer } from '../../domain/answerLine.ts';
import type { PlaceLogprobs } from './sampling.ts';

/** What a choice of an answer has so far; enough for another car to go on from there. */
export interface PartialChoice {
  readonly tokens: readonly number[];
  /** A place for each token, where the request wants them. */
  readonly logprobs?: readonly PlaceLogprobs[];
}

/** A request on its way through the engine. */
export interface GenerationTask {
  /** Names the request in the engine's replies; of one request at a time. */
  readonly key: string;
  /** Stands for a seed where the request has none: the same for every attempt at the same request. */
  readonly id: string;
  readonly body: unknown;
  /** `created` of the answer, and the day that templates are told. */
  readonly createdAtSeconds: number;
  /** By choice; of an attempt that was cut off. */
  readonly partial?: readonly PartialChoice[];
}

/** What one step added to a choice. */
export interface ChoiceProgress {
  readonly key: string;
  readonly choice: number;
  readonly tokens: readonly number[];
  readonly logprobs?: readonly PlaceLogprobs[];
  /** What may be shown of the answer: never half a character, nor the beginning of a stop string. */
  readonly text: string;
}

export interface FinishedTask {
  readonly key: string;
  readonly answer: Answer;
}

export interface StepResult {
  readonly progress: readonly ChoiceProgress[];
  readonly finished: readonly FinishedTask[];
  /** Requests that are not finished. */
  readonly open: number;
}
