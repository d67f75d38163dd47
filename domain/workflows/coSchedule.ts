import type { Clock } from '../clock.ts';
import type { JournalReason } from '../journal.ts';

/** What a cell's planning is started with, and what a plan hands out. Instants are grid time in epoch milliseconds. */

export interface CoScheduleInput {
  readonly cellId: string;
  readonly clock: Clock;
  readonly slotMinutes: number;
  /** Real time before a slot begins at which its plan is made, so that setpoints are on the cars in time. */
  readonly leadRealMs: number;
  /** Real time that events are gathered before they cause one plan. */
  readonly debounceRealMs: number;
  /** Carried over continue-as-new. */
  readonly last?: PlanDispatch;
  /** Causes that were told and are not planned by yet; carried over continue-as-new. */
  readonly causes?: readonly string[];
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
  /** Only in plans of before an activity told the sessions: those whose setpoint or reasons changed. */
  readonly changedSetpoints?: readonly SessionSetpoint[];
  readonly vehiclesToWake: readonly { readonly vehicleId: string; readonly reason: string }[];
  /** Markdown for the operator. */
  readonly summary: string;
}
