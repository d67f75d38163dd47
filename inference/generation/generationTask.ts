import type { Answer } from '../../domain/answerLine.ts';

/** What a choice of an answer has so far, as an earlier attempt says; enough to go on from there. */
export interface PartialChoice {
  readonly tokens: readonly number[];
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
  /** By choice; of an attempt that was cut off. Each token is checked while it is read. */
  readonly partial?: readonly PartialChoice[];
  /**
   * By choice, the tokens that somebody says the answer is made of: they are read, not drawn, and the answer says how far
   * each is from what would have been drawn.
   */
  readonly claimed?: readonly (readonly number[])[];
}

/** What one step added to a choice. */
export interface ChoiceProgress {
  readonly key: string;
  readonly choice: number;
  /** The position in the choice of the first of `tokens`: those that an earlier attempt had come again. */
  readonly from: number;
  readonly tokens: readonly number[];
  /** What may be shown of the answer and was not yet: never half a character, nor the beginning of a stop string. */
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
