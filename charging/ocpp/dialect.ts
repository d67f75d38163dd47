import { z } from 'zod';
import type { ChargingSchedule } from '../chargingSchedule.ts';
import type { ConnectorEvent, Transaction } from './connector.ts';
import { meterSample, type SampledValue } from './sampledValues.ts';

/** A message to the charge point. */
export interface OcppCall {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** How a message of the charge point is answered, and what it says. */
export interface Reaction {
  readonly response: Readonly<Record<string, unknown>>;
  /** The plug that the events are of: connector in 1.6, EVSE in 2.0.1. Undefined: of every one, or nothing is said. */
  readonly plug?: number | undefined;
  readonly events: readonly ConnectorEvent[];
  /** Time of the charge point's clock in the message, epoch ms. */
  readonly clockMs?: number;
}

export interface ReactionContext {
  readonly nowRealMs: number;
  /** By plug, of all that are known. */
  readonly transactions: ReadonlyMap<number, Transaction | null>;
}

/** The plug of a transaction; one that is not known can only be of a charge point's single plug. */
export function plugOfTransaction({ transactions }: ReactionContext, transactionId: string): number | undefined {
  for (const [plug, transaction] of transactions) if (transaction?.id === transactionId) return plug;
  const [only] = transactions.keys();
  return transactions.size === 1 ? only : undefined;
}

/** Which purpose a schedule is sent for: of one transaction, or of every one that comes. */
export type ProfilePurpose = 'TxProfile' | 'TxDefaultProfile';

export interface ChargePointSupply {
  readonly phases: 1 | 3;
  /** By which the charge point's clock is ahead of ours. */
  readonly clockAheadMs: number;
}

/** One version of OCPP: its messages to and from what both versions have in common. */
export interface Dialect {
  readonly protocol: 'ocpp1.6' | 'ocpp2.0.1';
  /** @throws nothing: a message that cannot be read says nothing and is answered as the protocol has it */
  react(method: string, params: unknown, context: ReactionContext): Reaction | undefined;
  /** What is asked of a charge point after its boot, in order; each may be refused. */
  readonly setUp: readonly OcppCall[];
  /** Asks what stands at a plug. */
  ask(plug: number): readonly OcppCall[];
  /** The fail-safe that holds whenever nothing else does. */
  failSafe(plug: number, limitAmps: number, phases: 1 | 3): OcppCall;
  schedule(
    plug: number,
    schedule: ChargingSchedule,
    purpose: ProfilePurpose,
    transaction: Transaction | null,
    supply: ChargePointSupply,
  ): OcppCall;
  start(plug: number): OcppCall;
  stop(transaction: Transaction): OcppCall;
}

/** How the central system identifies itself when it starts a transaction. */
export const OWN_ID_TOKEN = 'nightshift';
export const HEARTBEAT_SECONDS = 60;
export const SAMPLE_SECONDS = 60;
/** Registers at the quarter hours: what measurement and verification stand on. */
export const ALIGNED_SECONDS = 900;

export const STACK_LEVEL = { TxDefaultProfile: 0, TxProfile: 1 } as const;
const PROFILE_ID = { failSafe: 1, TxDefaultProfile: 2, TxProfile: 3 } as const;

/** A profile replaces the one of its number on the whole charge point: each plug has its own numbers. */
export function profileId(plug: number, profile: keyof typeof PROFILE_ID): number {
  return PROFILE_ID[profile] + (plug - 1) * 3;
}

/** A message's own time, epoch ms. */
export const timestampSchema = z.string().transform((text) => Date.parse(text));

/** What is sampled at one time. */
export interface MeterValue {
  readonly timestamp: number;
  readonly sampledValue: readonly SampledValue[];
}

export function inOrder(values: readonly MeterValue[]): MeterValue[] {
  return [...values].sort((a, b) => a.timestamp - b.timestamp);
}

/** The answer to values of the plug's meter, and what they say. */
export function meterReaction(plug: number, meterValue: readonly MeterValue[]): Reaction {
  const values = inOrder(meterValue);
  return {
    response: {},
    plug,
    events: values.map(({ sampledValue }) => ({ kind: 'metered', sample: meterSample(sampledValue) })),
    ...clockOf(values.at(-1)?.timestamp),
  };
}

export function clockOf(timestamp: number | undefined): { clockMs?: number } {
  return timestamp === undefined || Number.isNaN(timestamp) ? {} : { clockMs: timestamp };
}

const acceptedSchema = z.object({ status: z.literal('Accepted') });

/** Whether the answer to a call says that it is done. */
export function isAccepted(answer: unknown): boolean {
  return acceptedSchema.safeParse(answer).success;
}

/** The fail-safe's schedule: one limit, from whenever it comes into force. */
export function failSafeSchedule(limitAmps: number, phases: 1 | 3) {
  return {
    chargingRateUnit: 'A',
    chargingSchedulePeriod: [{ startPeriod: 0, limit: limitAmps, numberPhases: phases }],
  };
}

/** A schedule in the charge point's time; OCPP counts periods in seconds from the first. */
export function scheduleBody({ periods, endRealMs }: ChargingSchedule, { phases, clockAheadMs }: ChargePointSupply) {
  const startRealMs = periods[0]?.startRealMs ?? 0;
  return {
    startSchedule: iso(startRealMs + clockAheadMs),
    duration: Math.round((endRealMs - startRealMs) / 1000),
    chargingRateUnit: 'A',
    chargingSchedulePeriod: periods.map((period) => ({
      startPeriod: Math.round((period.startRealMs - startRealMs) / 1000),
      limit: Number(period.limitAmps.toFixed(1)),
      numberPhases: phases,
    })),
  };
}

export function iso(realMs: number): string {
  return new Date(realMs).toISOString();
}
