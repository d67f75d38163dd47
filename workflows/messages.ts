import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Clock } from '../domain/clock.ts';
import type { JournalReason } from '../domain/journal.ts';
import type { ModelRef, RunShardResult } from '../domain/shards.ts';

/** Arguments, signals and queries of every workflow. Instants are grid time in epoch milliseconds. */

// ---- gridRegion -------------------------------------------------------------------------------------------------

export interface GridRegionInput {
  readonly regionId: string;
  readonly cellId: string;
  readonly timeZone: string;
  readonly clock: Clock;
  /** Grid time between two polls of the region's feeds. */
  readonly pollEveryMs: number;
  /** Carried over continue-as-new. */
  readonly last?: RegionSummary;
}

/** What a region knows of its grid, in the few figures that operators and the cell need. */
export interface RegionSummary {
  readonly atMs: number;
  readonly priceEurPerKwh: number | null;
  readonly carbonGPerKwh: number | null;
  readonly ambientCelsius: number | null;
  /** End of the known price horizon. */
  readonly knownUntilMs: number | null;
  readonly offPeakWindows: readonly { readonly startMs: number; readonly endMs: number }[];
  /** Feeders whose import limit is unknown now, so that their fail-safe limit is in force. */
  readonly feedersOnFailSafe: readonly string[];
  /** The tightest first, and not more than an operator reads. */
  readonly limits: readonly LimitNow[];
  /** When the limit of any feeder is next another; null when that is not known. */
  readonly limitsChangeMs: number | null;
  readonly feeds: readonly FeedHealth[];
  /** An import limit of 0 is in force somewhere in the region. */
  readonly emergency: boolean;
  readonly fallbacks: readonly JournalReason[];
}

/** What limits a feeder now. */
export interface LimitNow {
  readonly feederId: string;
  readonly limitKw: number;
  /** Null for the fail-safe limit, since nobody says anything. */
  readonly source: string | null;
  /** Null when nothing else is known to follow. */
  readonly untilMs: number | null;
}

/** How reading a feed goes. */
export interface FeedHealth {
  readonly feed: string;
  /** Null when it never worked. */
  readonly readAtMs: number | null;
  /** Null while it works. */
  readonly failingSinceMs: number | null;
  readonly failure: string | null;
  /** In a row. */
  readonly failures: number;
}

export interface GridEmergency {
  readonly id: string;
  readonly message: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Feeders that must shed; all of the region when empty. */
  readonly feederIds: readonly string[];
}

/** New signals were stored for this region: read them now rather than at the next poll. */
export const signalsPushed = defineSignal('signalsPushed');
/** Sheds until its end. Answers once the limits are in force and the cell plans by them: the feeders that shed. */
export const declareEmergency = defineUpdate<readonly string[], [GridEmergency]>('declareEmergency');
export const regionState = defineQuery<RegionSummary | null>('regionState');

// ---- coSchedule -------------------------------------------------------------------------------------------------

export interface CoScheduleInput {
  readonly cellId: string;
  readonly clock: Clock;
  readonly slotMinutes: number;
  /** Real time before a slot begins at which its plan is made, so that setpoints are on the cars in time. */
  readonly leadRealMs: number;
  /** Real time that events are gathered before they cause one plan. */
  readonly debounceRealMs: number;
  readonly last?: PlanDispatch;
}

/** Leave to release shards of one job in one slot, to one region and class. Absolute: a later one replaces it. */
export interface Grant {
  readonly planId: string;
  readonly jobId: string;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly slotStartMs: number;
  readonly slotEndMs: number;
  /** Shards that may be running or released in this slot, those under way included. */
  readonly shards: number;
}

/** What one parking session is to do in the coming slot, and why. */
export interface SessionSetpoint {
  readonly sessionId: string;
  readonly slotStartMs: number;
  readonly chargeKw: number;
  readonly computeKw: number;
  readonly reasons: readonly JournalReason[];
}

/** The small result of planning a slot; the plan itself stays in PostgreSQL. */
export interface PlanDispatch {
  readonly planId: string;
  readonly slotStartMs: number;
  readonly grants: readonly Grant[];
  /** Only sessions whose setpoint or reasons changed since the previous plan. */
  readonly changedSetpoints: readonly SessionSetpoint[];
  readonly vehiclesToWake: readonly { readonly vehicleId: string; readonly reason: string }[];
  /** Markdown for the operator. */
  readonly summary: string;
}

/** Something the plan depends on has changed; `cause` is shown to the operator. */
export const replanRequested = defineSignal<[{ readonly cause: string }]>('replanRequested');
export const lastPlan = defineQuery<PlanDispatch | null>('lastPlan');

// ---- inferenceJob -----------------------------------------------------------------------------------------------

export interface InferenceJobInput {
  readonly batchId: string;
  readonly cellId: string;
  readonly clock: Clock;
  /** Carried over continue-as-new, once the batch has been split. */
  readonly carried?: JobSnapshot;
  readonly paused?: boolean;
}

/** Where the shards of a job are. Lists are half-open ranges of shard numbers, ascending. */
export interface JobSnapshot {
  readonly split: SplitBatch;
  readonly pending: readonly (readonly [number, number])[];
  readonly done: readonly (readonly [number, number])[];
  readonly waves: readonly WaveSnapshot[];
  readonly nextWave: number;
  readonly failures: Readonly<Record<number, number>>;
}

export interface WaveSnapshot {
  readonly wave: number;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly endsAtMs: number;
  readonly shards: readonly number[];
}

export interface SplitBatch {
  readonly model: ModelRef;
  readonly lines: number;
  readonly shards: number;
  readonly linesPerShard: number;
  readonly linesPerPart: number;
  readonly deadlineMs: number;
  readonly submittedAtMs?: number;
  /** As the submitter asked: 1 first, 5 last. */
  readonly priority?: number;
  /** Whose batch it is, and the tenant's share where cars are contended for. */
  readonly tenant?: { readonly id: string; readonly weight: number };
  /** The API over which cars reach their shards, by signed tokens; undefined: they open the store themselves. */
  readonly carUrl?: string;
}

export interface JobStatus {
  readonly state: 'validating' | 'waiting' | 'running' | 'paused' | 'finalizing' | 'ended';
  readonly shards: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly done: number;
}

/** All grants that one plan gives this job; (region, class) pairs that are not named have none in that slot. */
export const granted = defineSignal<[readonly Grant[]]>('granted');
export const waveReported = defineSignal<[WaveReport]>('waveReported');
export const cancelRequested = defineSignal('cancelRequested');
/** The submitter holds the batch back, or lets it go on. What cars have in hand comes back with its parts kept. */
export const pauseRequested = defineSignal<[{ readonly paused: boolean }]>('pauseRequested');
export const jobStatus = defineQuery<JobStatus>('jobStatus');

// ---- shardWave --------------------------------------------------------------------------------------------------

export interface ShardWaveInput {
  readonly jobId: string;
  readonly cellId: string;
  readonly wave: number;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly split: SplitBatch;
  readonly shards: readonly number[];
  readonly endsAtMs: number;
  readonly clock: Clock;
}

export interface WaveReport {
  readonly wave: number;
  readonly done: readonly number[];
  /** Not finished here: the job releases them again under a later grant. */
  readonly returned: readonly number[];
  /** Failed for a reason that another car would not mend. */
  readonly failed: readonly { readonly shard: number; readonly message: string }[];
}

/** The next slot was granted too: shards that are under way may go on. */
export const waveExtended = defineSignal<[{ readonly endsAtMs: number }]>('waveExtended');
/** Nobody wants the answers any more. */
export const waveStopped = defineSignal('waveStopped');

export interface AcceptedShard {
  readonly shard: number;
  readonly accepted: boolean;
  /** What was wrong; empty when accepted. */
  readonly message: string;
}

export interface FinishedShard {
  readonly shard: number;
  readonly result: RunShardResult;
}

// ---- parkingSession ---------------------------------------------------------------------------------------------

export interface ParkingSessionInput {
  readonly vehicleId: string;
  readonly stay: number;
  readonly cellId: string;
  readonly clock: Clock;
  readonly pluggedInMs: number;
  readonly carried?: SessionSnapshot;
}

export interface SessionSnapshot {
  readonly terms: SessionTerms;
  readonly setpoint: SessionSetpoint | null;
  readonly readyByChecked: boolean;
}

/** What the owner is promised for this stay. */
export interface SessionTerms {
  readonly readyByMs: number;
  readonly targetSocPercent: number;
  readonly displayName: string;
  readonly timeZone: string;
}

export const setpointPlanned = defineSignal<[SessionSetpoint]>('setpointPlanned');
export const unplugged = defineSignal<[{ readonly atMs: number; readonly reason: string }]>('unplugged');
export const policyChanged = defineSignal('policyChanged');
export const sessionState = defineQuery<SessionSnapshot | null>('sessionState');
