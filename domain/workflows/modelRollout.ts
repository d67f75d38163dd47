import type { Clock } from '../clock.ts';
import type { JournalReason } from '../journal.ts';
import type { VersionFigures } from '../rollouts/judgeVersions.ts';
import type { RolloutSpec } from '../rollouts/rolloutSpec.ts';

/** What a roll-out is started with, and what it tells. Instants are grid time in epoch milliseconds. */

export interface Rollout {
  readonly id: number;
  /** The cell whose operator began it; the cars are those of all cells beside it. */
  readonly cellId: string;
  readonly name: string;
  readonly version: string;
  /** What answers now, and what it goes back to. */
  readonly previousVersion: string;
  /** Names the queues that only cars with the version poll. */
  readonly family: string;
  readonly baseFamily: string;
  readonly spec: RolloutSpec;
}

export interface ModelRolloutInput {
  readonly rollout: Rollout;
  readonly clock: Clock;
  /** Carried over continue-as-new. */
  readonly carried?: RolloutSnapshot;
}

/**
 * delivering: the wave's cars are drawn and fetch the version. comparing: they answer real requests with both versions.
 * soaking: the wave is accepted and the version answers its share of the tenants. draining: decided, and batches that
 * began with the version go on. ended: nothing of it runs any more.
 */
export const ROLLOUT_PHASES = ['delivering', 'comparing', 'soaking', 'draining', 'ended'] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

export const ROLLOUT_OUTCOMES = ['completed', 'rolled_back', 'aborted'] as const;
export type RolloutOutcome = (typeof ROLLOUT_OUTCOMES)[number];

export const ROLLOUT_COMMANDS = ['pause', 'resume', 'skip', 'abort'] as const;
export type RolloutCommand = (typeof ROLLOUT_COMMANDS)[number];

/** Where a roll-out stands, and why. */
export interface RolloutStatus {
  readonly phase: RolloutPhase;
  readonly paused: boolean;
  /** Index of the wave, from 0. */
  readonly wave: number;
  readonly waves: number;
  /** Cars that are to have the version in this wave, that were drawn, and that say that they have it. */
  readonly target: number;
  readonly drawn: number;
  readonly holding: number;
  /** Share of the tenants that the version answers. */
  readonly servedShare: number;
  readonly sinceMs: number;
  /** What it waits for, or why it ended. */
  readonly text: string;
  readonly outcome: RolloutOutcome | null;
  /** Of the last comparison. */
  readonly figures: VersionFigures | null;
  readonly compared: number;
  /** What was beyond its limit when it was rolled back. */
  readonly reasons: readonly JournalReason[];
}

export interface RolloutSnapshot {
  readonly status: RolloutStatus;
  readonly comparison: Comparison | null;
}

/** Two batches of the same requests, on the cars that have the version. */
export interface Comparison {
  readonly presentBatchId: string;
  readonly nextBatchId: string;
}

/** As a roll-out begins. */
export function firstRolloutStatus(waves: number, sinceMs: number): RolloutStatus {
  return {
    phase: 'delivering',
    paused: false,
    wave: 0,
    waves,
    target: 0,
    drawn: 0,
    holding: 0,
    servedShare: 0,
    sinceMs,
    text: 'Cars are drawn for the first wave.',
    outcome: null,
    figures: null,
    compared: 0,
    reasons: [],
  };
}
