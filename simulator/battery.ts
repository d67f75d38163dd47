import { HOUR_MS } from '../domain/durations.ts';
import { charge, chargeKw, hoursToCharge, type BatteryPack } from '../scheduler/energy/battery.ts';

/** Below this, a pack counts as at its limit: 0.1 Wh of a 100 kWh pack. */
const SOC_TOLERANCE_PERCENT = 1e-4;

export interface BatteryInput {
  readonly pack: BatteryPack;
  readonly socPercent: number;
  /** The owner's charge limit; the car stops there by itself. */
  readonly limitPercent: number;
  readonly offeredKw: number;
  /** What the computer draws on the same plug; it is served first. */
  readonly computeKw: number;
  readonly ambientC: number;
}

/** What the battery draws at the plug now; 0 when it is full, paused, or offered less than the minimum current. */
export function batteryDrawKw(input: BatteryInput): number {
  if (isFull(input)) return 0;
  return chargeKw(input.pack, input.socPercent, offerLeftKw(input), input.ambientC);
}

/** When the battery reaches the limit if nothing changes; Infinity when it is there or not charging. */
export function fullAtMs(input: BatteryInput, atMs: number): number {
  if (isFull(input)) return Infinity;
  const hours = hoursToCharge(input.pack, input.socPercent, input.limitPercent, offerLeftKw(input), input.ambientC);
  return atMs + Math.ceil(hours * HOUR_MS);
}

/** SoC after the time, and the energy that this took at the plug. */
export function chargeBattery(input: BatteryInput, durationMs: number): { socPercent: number; plugKwh: number } {
  if (isFull(input)) return { socPercent: input.socPercent, plugKwh: 0 };
  const result = charge(input.pack, input.socPercent, offerLeftKw(input), durationMs / HOUR_MS, input.ambientC);
  if (result.socPercent <= input.limitPercent) return result;
  const surplus = (result.socPercent - input.limitPercent) / (result.socPercent - input.socPercent);
  return { socPercent: input.limitPercent, plugKwh: result.plugKwh * (1 - surplus) };
}

export function isFull({ socPercent, limitPercent }: Pick<BatteryInput, 'socPercent' | 'limitPercent'>): boolean {
  return socPercent >= limitPercent - SOC_TOLERANCE_PERCENT;
}

function offerLeftKw({ pack, offeredKw, computeKw }: BatteryInput): number {
  return Math.max(0, Math.min(offeredKw, pack.maxKw - computeKw));
}
