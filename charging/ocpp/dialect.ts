import type { ChargingSchedule } from './chargingSchedule.ts';
import type { ConnectorEvent, Transaction } from './connector.ts';

/** A message to the charge point. */
export interface OcppCall {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** How a message of the charge point is answered, and what it says. */
export interface Reaction {
  readonly response: Readonly<Record<string, unknown>>;
  readonly events: readonly ConnectorEvent[];
  /** Time of the charge point's clock in the message, epoch ms. */
  readonly clockMs?: number;
}

export interface ReactionContext {
  readonly nowRealMs: number;
  readonly transaction: Transaction | null;
}

/** Which purpose a schedule is sent for: of one transaction, or of every one that comes. */
export type ProfilePurpose = 'TxProfile' | 'TxDefaultProfile';

/** One version of OCPP: its messages to and from what both versions have in common. */
export interface Dialect {
  readonly protocol: 'ocpp1.6' | 'ocpp2.0.1';
  /** @throws nothing: a message that cannot be read says nothing and is answered as the protocol has it */
  react(method: string, params: unknown, context: ReactionContext): Reaction | undefined;
  /** What is asked of a charge point after its boot, in order; each may be refused. */
  readonly setUp: readonly OcppCall[];
  /** The fail-safe that holds whenever nothing else does. */
  failSafe(limitAmps: number, phases: 1 | 3): OcppCall;
  /** @param clockAheadMs by which the charge point's clock is ahead of ours */
  schedule(
    schedule: ChargingSchedule,
    purpose: ProfilePurpose,
    transaction: Transaction | null,
    supply: { readonly phases: 1 | 3; readonly clockAheadMs: number },
  ): OcppCall;
  start(): OcppCall;
  stop(transaction: Transaction): OcppCall;
  /** Whether the answer to a call says that it is done. */
  isAccepted(answer: unknown): boolean;
}

/** How the central system identifies itself when it starts a transaction. */
export const OWN_ID_TOKEN = 'nightshift';
export const HEARTBEAT_SECONDS = 60;
export const SAMPLE_SECONDS = 60;
/** Registers at the quarter hours: what measurement and verification stand on. */
export const ALIGNED_SECONDS = 900;

export const STACK_LEVEL = { TxDefaultProfile: 0, TxProfile: 1 } as const;
export const PROFILE_ID = { failSafe: 1, TxDefaultProfile: 2, TxProfile: 3 } as const;

/** The periods of a schedule as OCPP counts them: seconds from the first. */
export function periodsOf({ periods }: ChargingSchedule, phases: 1 | 3) {
  const startRealMs = periods[0]?.startRealMs ?? 0;
  return periods.map((period) => ({
    startPeriod: Math.round((period.startRealMs - startRealMs) / 1000),
    limit: Number(period.limitAmps.toFixed(1)),
    numberPhases: phases,
  }));
}

export function iso(realMs: number): string {
  return new Date(realMs).toISOString();
}
