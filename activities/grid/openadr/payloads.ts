import { kwOfAmperes, kwOfKva } from '../../../domain/feederSupply.ts';
import { messageOf } from '../../../domain/thrown.ts';
import { SIGNAL_LIMITS, SIGNAL_UNITS, type SignalKind } from '../../../store/signals.ts';
import { descriptorOf, type HeldEvent, type SiteFeeder } from './heldEvent.ts';
import { UNREADABLE, type WirePayload, type WirePayloadDescriptor } from './wire.ts';

/**
 * Which of a series' statements stands first: an emergency, then what is dispatched, then what is contracted. Contracted
 * is the subscription with what is reserved beyond it (User Guide 8.10.2).
 */
export type Layer = 'emergency' | 'dynamic' | 'subscription' | 'reservation';

/** What a limit is stated in; `failSafe` is a share of each feeder's fail-safe limit. */
type LimitUnit = 'kw' | 'kva' | 'ampere' | 'failSafe';

/** One value as a signal. */
export interface Figure {
  readonly kind: SignalKind;
  readonly layer: Layer;
  /** In the unit of its kind; a limit in `limitUnit`. */
  readonly value: number;
  /** Of limits only. */
  readonly limitUnit?: LimitUnit;
}

/** A value that cannot be used, in words. Its neighbours can. */
export interface Refusal {
  readonly kind: SignalKind;
  readonly problem: string;
}

/** What a value says; null for one that asks for nothing. */
export type Reading = Figure | Refusal | null;

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
const MAX_OFFSET = 10;

/** What follows from each payload type that something follows from. One without a type may have been a limit. */
const KINDS: Readonly<Record<string, SignalKind>> = {
  [UNREADABLE]: 'import_limit',
  PRICE: 'price',
  GHG: 'marginal_carbon',
  IMPORT_CAPACITY_LIMIT: 'import_limit',
  IMPORT_CAPACITY_SUBSCRIPTION: 'import_limit',
  IMPORT_CAPACITY_RESERVATION: 'import_limit',
  SIMPLE: 'import_limit',
  DISPATCH_SETPOINT: 'import_limit',
  DISPATCH_SETPOINT_RELATIVE: 'import_limit',
  CONTROL_LEVEL_OFFSET: 'import_limit',
  ALERT_GRID_EMERGENCY: 'import_limit',
  ALERT_BLACK_START: 'import_limit',
  ALERT_FLEX_ALERT: 'import_limit',
};

/**
 * Reads the values of one payload as signals, each by itself: one that cannot be used takes no other with it.
 * @returns undefined for a type that no signal follows from
 */
export function readPayload(
  held: HeldEvent,
  payload: WirePayload,
  eurPer: Readonly<Record<string, number>>,
): Reading[] | undefined {
  const type = standardName(payload.type);
  const kind = KINDS[type];
  if (kind === undefined) return undefined;
  // What an alert says in words is for people; that it was sent is what counts.
  if (type === 'ALERT_GRID_EMERGENCY' || type === 'ALERT_BLACK_START') return [limit(0, 'kw', 'emergency')];
  if (type === 'ALERT_FLEX_ALERT') return [limit(FLEX_ALERT_SHARE, 'failSafe')];
  const refusal = (error: unknown): Refusal => ({ kind, problem: `${payload.type}: ${messageOf(error)}` });
  if (payload.problem !== undefined) return [refusal(payload.problem)];
  let convert: (value: number) => Figure | null;
  try {
    convert = conversionOf(type, held, payload.type, eurPer);
  } catch (error) {
    return [refusal(error)];
  }
  const values = SINGLE_VALUED.has(type) ? payload.values.slice(0, 1) : payload.values;
  if (values.length === 0) return [refusal('it has no value')];
  return values.map((value) => {
    try {
      return possible(convert(numeric(value)));
    } catch (error) {
      return refusal(error);
    }
  });
}

/** Types whose further values are no sub-intervals. */
const SINGLE_VALUED = new Set(['DISPATCH_SETPOINT', 'DISPATCH_SETPOINT_RELATIVE', 'CONTROL_LEVEL_OFFSET']);

/** How one value of a type becomes a signal. @throws Error in words when unit or currency cannot be used */
function conversionOf(
  type: string,
  held: HeldEvent,
  sentType: string,
  eurPer: Readonly<Record<string, number>>,
): (value: number) => Figure | null {
  switch (type) {
    case 'PRICE': {
      const rate = eurPerKwhOf(held, sentType, eurPer);
      return (value) => ({ kind: 'price', layer: 'dynamic', value: value * rate });
    }
    case 'GHG':
      return (value) => ({ kind: 'marginal_carbon', layer: 'dynamic', value });
    case 'SIMPLE':
      return (level) => {
        const share = SIMPLE_SHARES[level];
        if (share === undefined) throw new Error(`${level} is not a level from 0 to 3`);
        return share === null ? null : limit(share, 'failSafe', level === 3 ? 'emergency' : 'dynamic');
      };
    case 'CONTROL_LEVEL_OFFSET':
      return (level) => {
        if (Math.abs(level) > MAX_OFFSET) throw new Error(`${level} is not from -10 to 10`);
        // Up means less load; down only allows more, and the plan takes what it needs anyway.
        return level > 0 ? limit(1 - level / MAX_OFFSET, 'failSafe') : null;
      };
    case 'DISPATCH_SETPOINT_RELATIVE': {
      const { referenceKw } = held;
      if (referenceKw === null) throw new Error('no load is metered that it could be relative to');
      const { factor, limitUnit } = powerUnitOf(held, sentType);
      if (limitUnit !== 'kw') throw new Error('a change of the load must be in W, KW or MW');
      return (value) => limit(referenceKw + value * factor);
    }
    default: {
      const { factor, limitUnit } = powerUnitOf(held, sentType);
      const layer = CONTRACTED[type] ?? 'dynamic';
      return (value) => limit(value * factor, limitUnit, layer);
    }
  }
}

const CONTRACTED: Readonly<Record<string, Layer>> = {
  IMPORT_CAPACITY_SUBSCRIPTION: 'subscription',
  IMPORT_CAPACITY_RESERVATION: 'reservation',
};

function limit(value: number, limitUnit: LimitUnit = 'kw', layer: Layer = 'dynamic'): Figure {
  return { kind: 'import_limit', layer, value: Math.max(0, value), limitUnit };
}

/** A limit in kW for one of the feeders that it holds for together, of which this one has `share`. */
export function limitKwOf(
  { value, limitUnit = 'kw' }: Figure,
  { failSafeImportKw, supply }: SiteFeeder,
  share: number,
): number {
  if (limitUnit === 'kva') return kwOfKva(value * share, supply);
  if (limitUnit === 'ampere') return kwOfAmperes(value * share, supply);
  return limitUnit === 'kw' ? value * share : value * failSafeImportKw;
}

/** @throws Error in words when the value is beyond what a signal of its kind can be */
function possible(figure: Figure | null): Figure | null {
  if (figure === null) return null;
  const { least, most } = SIGNAL_LIMITS[figure.kind];
  if (figure.value >= least && figure.value <= most) return figure;
  throw new Error(`${figure.value} ${SIGNAL_UNITS[figure.kind]} is not from ${least} to ${most}`);
}

/** Servers of 3.0 leave out the direction of a capacity. */
function standardName(type: string): string {
  return type.startsWith('CAPACITY_') ? `IMPORT_${type}` : type;
}

function numeric(value: unknown): number {
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof read === 'number' && Number.isFinite(read)) return read;
  throw new Error(`${JSON.stringify(value)} is not a number`);
}

const POWER_UNITS: Readonly<Record<string, { readonly factor: number; readonly limitUnit: LimitUnit }>> = {
  W: { factor: 0.001, limitUnit: 'kw' },
  KW: { factor: 1, limitUnit: 'kw' },
  MW: { factor: 1000, limitUnit: 'kw' },
  KVA: { factor: 1, limitUnit: 'kva' },
  MVA: { factor: 1000, limitUnit: 'kva' },
  AMPS: { factor: 1, limitUnit: 'ampere' },
};
const KWH: Readonly<Record<string, number>> = { KWH: 1, WH: 0.001, MWH: 1000 };

function readableDescriptor(held: HeldEvent, payloadType: string): WirePayloadDescriptor | undefined {
  const descriptor = descriptorOf(held, payloadType);
  if (descriptor?.problem !== undefined) throw new Error(`its descriptor cannot be read: ${descriptor.problem}`);
  return descriptor;
}

function powerUnitOf(held: HeldEvent, payloadType: string): (typeof POWER_UNITS)[string] {
  const units = readableDescriptor(held, payloadType)?.units ?? 'KW';
  const unit = POWER_UNITS[units.toUpperCase()];
  if (unit === undefined) throw new Error(`${units} is not a unit of power (${Object.keys(POWER_UNITS).join(', ')})`);
  return unit;
}

function eurPerKwhOf(held: HeldEvent, payloadType: string, eurPer: Readonly<Record<string, number>>): number {
  const { units = 'KWH', currency = 'EUR' } = readableDescriptor(held, payloadType) ?? {};
  const perKwh = KWH[units.toUpperCase()];
  if (perKwh === undefined) throw new Error(`${units} is not a unit of energy (${Object.keys(KWH).join(', ')})`);
  const rate = currency === 'EUR' ? 1 : eurPer[currency];
  if (rate === undefined) throw new Error(`no exchange rate is configured for ${currency}`);
  return rate / perKwh;
}
