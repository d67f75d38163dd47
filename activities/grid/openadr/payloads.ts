import type { SignalKind } from '../../../store/signals.ts';
import { descriptorOf, type HeldEvent } from './heldEvent.ts';
import type { WirePayload } from './wire.ts';

/** Which of a series' statements stands first: an emergency, then what is dispatched, then what is contracted. */
export type Layer = 'emergency' | 'dynamic' | 'contracted';

/** One value as a signal. `ofFailSafe` states a limit as a share of each feeder's fail-safe limit instead of in kW. */
export interface Figure {
  readonly kind: SignalKind;
  readonly layer: Layer;
  readonly value: number;
  readonly ofFailSafe?: number;
}

export const ALERT_PREFIX = 'ALERT_';

/** Payload types that are understood and from which no plan of ours follows, with why. docs/openadr.md lists them. */
const SILENT = new Set([
  // No car gives power back to the grid.
  'EXPORT_PRICE',
  'EXPORT_CAPACITY_LIMIT',
  'EXPORT_CAPACITY_SUBSCRIPTION',
  'EXPORT_CAPACITY_RESERVATION',
  'EXPORT_CAPACITY_RESERVATION_FEE',
  'EXPORT_CAPACITY_AVAILABLE',
  'EXPORT_CAPACITY_AVAILABLE_PRICE',
  // Offers of capacity: nobody is bound by them until capacity is reserved.
  'IMPORT_CAPACITY_RESERVATION_FEE',
  'IMPORT_CAPACITY_AVAILABLE',
  'IMPORT_CAPACITY_AVAILABLE_PRICE',
  // The owner's target and ready-by decide about the charge of a car.
  'CHARGE_STATE_SETPOINT',
]);

export function isSilent(payloadType: string): boolean {
  return SILENT.has(standardName(payloadType));
}

/** Share of the fail-safe limit that is left at levels 0 to 3 of SIMPLE; null: no limit. */
const SIMPLE_SHARES = [null, 2 / 3, 1 / 3, 0] as const;
const FLEX_ALERT_SHARE = 2 / 3;
const MOST_OFFSET = 10;

/**
 * Reads the values of one payload as signals; null stands for a value that asks for nothing.
 * @returns undefined for a type that no signal follows from
 * @throws Error in words when a value, its unit or its currency cannot be used
 */
export function readPayload(
  held: HeldEvent,
  payload: WirePayload,
  eurPer: Readonly<Record<string, number>>,
): (Figure | null)[] | undefined {
  const type = standardName(payload.type);
  const numbers = (): number[] => payload.values.map((value) => numeric(payload.type, value));
  const single = (): number => numeric(payload.type, payload.values[0] ?? Number.NaN);
  switch (type) {
    case 'PRICE': {
      const rate = eurPerKwhOf(held, payload.type, eurPer);
      return numbers().map((value) => ({ kind: 'price', layer: 'dynamic', value: value * rate }));
    }
    case 'GHG':
      return numbers().map((value) => ({ kind: 'marginal_carbon', layer: 'dynamic', value }));
    case 'IMPORT_CAPACITY_LIMIT': {
      const factor = kwOf(held, payload.type);
      return numbers().map((value) => limit(value * factor));
    }
    case 'IMPORT_CAPACITY_SUBSCRIPTION':
    case 'IMPORT_CAPACITY_RESERVATION': {
      const factor = kwOf(held, payload.type);
      return numbers().map((value) => limit(value * factor, 'contracted'));
    }
    case 'SIMPLE':
      return numbers().map((level) => {
        const share = SIMPLE_SHARES[level];
        if (share === undefined) throw new Error(`SIMPLE: ${level} is not a level from 0 to 3`);
        return share === null ? null : shareOfFailSafe(share, level === 3 ? 'emergency' : 'dynamic');
      });
    case 'DISPATCH_SETPOINT':
      return [limit(single() * kwOf(held, payload.type))];
    case 'DISPATCH_SETPOINT_RELATIVE': {
      if (held.referenceKw === null) throw new Error(`${type}: no load is metered that it could be relative to`);
      return [limit(held.referenceKw + single() * kwOf(held, payload.type))];
    }
    case 'CONTROL_LEVEL_OFFSET': {
      const level = single();
      if (Math.abs(level) > MOST_OFFSET) throw new Error(`${type}: ${level} is not from -10 to 10`);
      // Up means less load; down only allows more, and the plan takes what it needs anyway.
      return [level > 0 ? shareOfFailSafe(1 - level / MOST_OFFSET) : null];
    }
    case 'ALERT_GRID_EMERGENCY':
    case 'ALERT_BLACK_START':
      return [limit(0, 'emergency')];
    case 'ALERT_FLEX_ALERT':
      return [shareOfFailSafe(FLEX_ALERT_SHARE)];
    default:
      return undefined;
  }
}

function limit(value: number, layer: Layer = 'dynamic'): Figure {
  return { kind: 'import_limit', layer, value: Math.max(0, value) };
}

function shareOfFailSafe(ofFailSafe: number, layer: Layer = 'dynamic'): Figure {
  return { kind: 'import_limit', layer, value: 0, ofFailSafe };
}

/** Servers of 3.0 leave out the direction of a capacity. */
function standardName(type: string): string {
  return type.startsWith('CAPACITY_') ? `IMPORT_${type}` : type;
}

function numeric(type: string, value: WirePayload['values'][number]): number {
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof read === 'number' && Number.isFinite(read)) return read;
  throw new Error(`${type}: ${JSON.stringify(value)} is not a number`);
}

const KW: Readonly<Record<string, number>> = { KW: 1, W: 0.001, MW: 1000 };
const KWH: Readonly<Record<string, number>> = { KWH: 1, WH: 0.001, MWH: 1000 };

function kwOf(held: HeldEvent, payloadType: string): number {
  const units = descriptorOf(held, payloadType)?.units ?? 'KW';
  const factor = KW[units.toUpperCase()];
  if (factor === undefined) throw new Error(`${payloadType}: ${units} is not a unit of power`);
  return factor;
}

function eurPerKwhOf(held: HeldEvent, payloadType: string, eurPer: Readonly<Record<string, number>>): number {
  const { units = 'KWH', currency = 'EUR' } = descriptorOf(held, payloadType) ?? {};
  const perKwh = KWH[units.toUpperCase()];
  if (perKwh === undefined) throw new Error(`${payloadType}: ${units} is not a unit of energy`);
  const rate = currency === 'EUR' ? 1 : eurPer[currency];
  if (rate === undefined) throw new Error(`${payloadType}: no exchange rate is configured for ${currency}`);
  return rate / perKwh;
}
