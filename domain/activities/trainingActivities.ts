import type { TrainingState } from '../training.ts';

/** A round that is open: its work is a batch. */
export interface OpenedRound {
  readonly round: number;
  readonly batchId: string;
  /** Of a round on cars' own data instead: a batch for each car, of the phase that comes first. */
  readonly batchIds?: readonly string[];
  /** Grid time. */
  readonly deadlineMs: number;
  readonly clients: number;
}

/** What the next round is, if there is one. */
export type NextRound =
  | { readonly kind: 'opened'; readonly opened: OpenedRound }
  /** Too few cars at their plugs, or nobody serves the model. */
  | { readonly kind: 'waiting'; readonly why: string }
  /** All rounds are done or under way. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly why: string };

export interface RoundOutcome {
  readonly round: number;
  readonly updates: number;
  readonly clients: number;
  readonly trainLoss: number | null;
  readonly testAccuracy: number | null;
}

/** What `trainingRun` asks for. */
export interface TrainingActivities {
  /** Reads model and data, stores the examples by client and the weights that the run begins with. @returns a reason when it cannot */
  prepareRun(request: { readonly runId: string }): Promise<string | undefined>;
  /** Samples clients and makes their work a batch. Asked again, it says the same. */
  openRound(request: { readonly runId: string; readonly round: number }): Promise<NextRound>;
  /**
   * The batches of a later phase, from 1, of a round on cars' own data; none when it can be closed. Asked again, it says the
   * same.
   */
  advanceRound(request: {
    readonly runId: string;
    readonly round: number;
    readonly phase: number;
  }): Promise<readonly string[]>;
  /** Makes the updates of a batch that has ended the next weights, evaluates them and keeps them. Asked again, it says the same. */
  closeRound(request: { readonly runId: string; readonly round: number }): Promise<RoundOutcome>;
  recordTrainingState(request: {
    readonly runId: string;
    readonly state: TrainingState;
    readonly message: string;
  }): Promise<void>;
}
