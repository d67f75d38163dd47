import type { Clock } from '../clock.ts';
import type { RoundOutcome } from '../activities/trainingActivities.ts';

/** What a run is started with, and how far it is. */

export interface TrainingRunInput {
  readonly runId: string;
  readonly cellId: string;
  readonly clock: Clock;
  readonly rounds: number;
  /** Rounds that may be under way at once. */
  readonly overlap: number;
  /** Of the round that comes next; 1 unless rounds are done. */
  readonly nextRound: number;
  /** Carried over continue-as-new, and given when it is resumed. */
  readonly prepared?: boolean;
  readonly paused?: boolean;
}

export interface TrainingStatus {
  readonly nextRound: number;
  readonly open: readonly number[];
  readonly paused: boolean;
  readonly last: RoundOutcome | null;
}
