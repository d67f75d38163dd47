import type { Logger } from 'pino';

import type { Answer } from '../../domain/answerLine.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { JobPorts } from '../jobs/jobPorts.ts';

/** A request as a car was given it. */
export interface TrustedTask {
  /** Whose shard it is of. */
  readonly jobId: string;
  /** Of the answer's line (domain/answerLine.ts): stands for a seed where the request has none. */
  readonly id: string;
  readonly body: unknown;
  readonly createdAtSeconds: number;
}

/** A request whose answer somebody has written already. */
export interface ClaimedTask extends TrustedTask {
  /** By choice, the tokens that its text is said to be made of. */
  readonly claimed: readonly (readonly number[])[];
}

/** What a trusted computer has done. */
export interface TrustedWork {
  /** In the order of the requests. */
  readonly answers: readonly Answer[];
  /** How long it computed, real time. */
  readonly deviceMs: number;
}

/** A computer that the operator trusts. */
export interface TrustedRunner {
  /**
   * Answers requests as any honest car would.
   * @throws what the model's cache, the store or the runner's process throw
   */
  answers(model: ModelRef, tasks: readonly TrustedTask[]): Promise<TrustedWork>;
  /**
   * Reads the tokens of answers of a language model, which costs about a tenth of writing them, and says how they hold
   * (`replay`); each answer is what its tokens spell.
   * @throws as `answers`
   */
  reread(model: ModelRef, tasks: readonly ClaimedTask[]): Promise<TrustedWork>;
}

export interface TrustPorts extends JobPorts {
  readonly trusted: TrustedRunner;
  readonly log: Logger;
}
