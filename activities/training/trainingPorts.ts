import type { TrainingTask } from '../../domain/training.ts';
import type { Evaluation } from '../../inference/training/trainingPipeline.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { Database } from '../../store/database.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

/** A computer that the operator trusts, and that trains. */
export interface TrustedTrainer {
  /** How well the weights do on some examples. */
  evaluate(model: ModelRef, weights: Float32Array, data: TrainingTask['data']): Promise<Evaluation>;
  /** What an honest car's steps come to. @returns undefined for a task that the model refuses */
  train(model: ModelRef, weights: Float32Array, task: TrainingTask): Promise<Float32Array | undefined>;
}

export interface TrainingPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly trainer: TrustedTrainer;
  /** By the clock of the cell. */
  readonly gridNowMs: (cellId: string) => Promise<number> | number;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}
