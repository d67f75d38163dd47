import { MINUTE_MS } from '../domain/durations.ts';

/** What telemetry says that the car does. Powers are kW at the plug. */
export interface ChargeFact {
  readonly chargeKw: number;
  /** Of the newest telemetry that says so. */
  readonly atMs: number;
}

/** What a car was told to charge with, and how that stands. Times are epoch ms, all of one clock. */
export interface SentWish {
  readonly chargeKw: number;
  readonly sentAtMs: number;
  /** Commands for this wish so far. */
  readonly attempts: number;
}

export type WishVerdict =
  | { readonly kind: 'confirmed' }
  /** Too early to say. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'retry' }
  /** Told often enough: more would only notify the owner. To be reported. */
  | { readonly kind: 'refused'; readonly value: number; readonly limit: number };

/** A car has this long to do what it was told, and telemetry to say so; doubled with each attempt. */
const CONFIRM_WITHIN_MS = 3 * MINUTE_MS;
/** Some cars refuse to start after some ten interruptions. */
export const MAX_ATTEMPTS = 3;
/** Amps are whole: on three phases one is 0.69 kW. */
const TOLERANCE_KW = 0.75;

/** Holds what telemetry says against what was asked. Draws less than the wish are the car's right: it tapers. */
export function judgeWish({ chargeKw, sentAtMs, attempts }: SentWish, fact: ChargeFact, nowMs: number): WishVerdict {
  const wantsCharge = chargeKw > 0;
  const isDone = wantsCharge
    ? fact.chargeKw > 0 && fact.chargeKw <= chargeKw + TOLERANCE_KW
    : fact.chargeKw <= TOLERANCE_KW / 2;
  // What was said before the command confirms nothing.
  if (isDone && fact.atMs >= sentAtMs) return { kind: 'confirmed' };
  if (nowMs - sentAtMs < CONFIRM_WITHIN_MS * 2 ** (attempts - 1)) return { kind: 'waiting' };
  return attempts < MAX_ATTEMPTS ? { kind: 'retry' } : { kind: 'refused', value: fact.chargeKw, limit: chargeKw };
}
