import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Grant, SessionSetpoint, PlanDispatch } from '../domain/workflows/coSchedule.ts';
import type { RegionSummary, GridEmergency } from '../domain/workflows/gridRegion.ts';
import type { JobStatus } from '../domain/workflows/inferenceJob.ts';
import type { RolloutCommand, RolloutStatus } from '../domain/workflows/modelRollout.ts';
import type { VenSync } from '../domain/workflows/openAdrVen.ts';
import type { SessionSnapshot } from '../domain/workflows/parkingSession.ts';
import type { WaveReport } from '../domain/workflows/shardWave.ts';
import type { TrainingStatus } from '../domain/workflows/trainingRun.ts';

/** Signals, updates and queries of every workflow; what they carry is in domain/workflows. */

// gridRegion
/** New signals were stored for this region: read them now rather than at the next poll. */
export const signalsPushed = defineSignal('signalsPushed');
/** Sheds until its end. Answers once the limits are in force and the cell plans by them: the feeders that shed. */
export const declareEmergency = defineUpdate<readonly string[], [GridEmergency]>('declareEmergency');
export const regionState = defineQuery<RegionSummary | null>('regionState');

// coSchedule
/** Something the plan depends on has changed; `cause` is shown to the operator. */
export const replanRequested = defineSignal<[{ readonly cause: string }]>('replanRequested');
export const lastPlan = defineQuery<PlanDispatch | null>('lastPlan');

// inferenceJob
/** All grants that one plan gives this job; (region, class) pairs that are not named have none in that slot. */
export const granted = defineSignal<[readonly Grant[]]>('granted');
export const waveReported = defineSignal<[WaveReport]>('waveReported');
export const cancelRequested = defineSignal('cancelRequested');
/** The submitter holds the batch back, or lets it go on. What cars have in hand comes back with its parts kept. */
export const pauseRequested = defineSignal<[{ readonly paused: boolean }]>('pauseRequested');
/** Accepted shards in which a caught car had part: they are computed again. */
export const shardsReopened = defineSignal<[{ readonly shards: readonly number[] }]>('shardsReopened');
export const jobStatus = defineQuery<JobStatus>('jobStatus');

// shardWave
/** The next slot was granted too: shards that are under way may go on. */
export const waveExtended = defineSignal<[{ readonly endsAtMs: number }]>('waveExtended');
/** Nobody wants the answers any more. */
export const waveStopped = defineSignal('waveStopped');

// parkingSession
export const setpointPlanned = defineSignal<[SessionSetpoint]>('setpointPlanned');
export const unplugged = defineSignal<[{ readonly atMs: number; readonly reason: string }]>('unplugged');
export const policyChanged = defineSignal('policyChanged');
export const sessionState = defineQuery<SessionSnapshot | null>('sessionState');

// trainingRun
/** The tenant holds the run back, or lets it go on; cars keep the steps that they have taken. */
export const trainingPaused = defineSignal<[{ readonly paused: boolean }]>('trainingPaused');
/** No further rounds; what is open ends now. */
export const trainingCancelled = defineSignal('trainingCancelled');
export const trainingStatus = defineQuery<TrainingStatus>('trainingStatus');

// openAdrVen
/** The server has something new, or the connection was configured anew: synchronise now. */
export const vtnHinted = defineSignal('vtnHinted');
export const venState = defineQuery<VenSync | null>('venState');

// modelRollout
/** What an operator wants of it, and why; the journal has it already. */
export const rolloutCommanded =
  defineSignal<[{ readonly command: RolloutCommand; readonly reason: string }]>('rolloutCommanded');
export const rolloutStatus = defineQuery<RolloutStatus>('rolloutStatus');
