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

/** A computer that the operator trusts. */
export interface TrustedRunner {
  /**
   * Answers requests as any honest car would, in their order.
   * @throws what the model's cache, the store or the runner's process throw
   */
  answers(model: ModelRef, tasks: readonly TrustedTask[]): Promise<readonly Answer[]>;
}

export interface TrustPorts extends JobPorts {
  readonly trusted: TrustedRunner;
  /** Draws which lines are looked at; cars must not know it. */
  readonly checkKey: Buffer;
  readonly log: Logger;
}
